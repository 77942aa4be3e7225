;;! tries = "answer at an odd address"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (return (i32.const 129))))
    (i32.const 128)))
