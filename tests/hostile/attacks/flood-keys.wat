;;! tries = "name a group by a million keys"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (memory.grow (i32.const 250)))
      (i32.store (i32.const 1028) (i32.const 262144)) (i32.store (i32.const 1032) (i32.const 1000000))))
    (i32.const 128)))
