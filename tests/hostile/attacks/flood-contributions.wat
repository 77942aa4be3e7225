;;! tries = "answer with a million contributions, all in one place"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (memory.grow (i32.const 200)))
      (i32.store (i32.const 132) (i32.const 262144))
      (i32.store (i32.const 136) (i32.const 600000))))
    (i32.const 128)))
