;;! tries = "answer with two million values for one group"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (memory.grow (i32.const 250)))
      (i32.store (i32.const 1036) (i32.const 262144)) (i32.store (i32.const 1040) (i32.const 2040000))))
    (i32.const 128)))
