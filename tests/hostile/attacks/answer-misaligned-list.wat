;;! tries = "answer with a list at an odd address"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store (i32.const 132) (i32.const 1025))))
    (i32.const 128)))
