;;! tries = "say values that lie outside memory"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store (i32.const 1036) (i32.const 262144))))
    (i32.const 128)))
