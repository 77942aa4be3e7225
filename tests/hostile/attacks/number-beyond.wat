;;! tries = "answer with the largest number for the victim, whose bounds are -2 and 3"
;;! leaks_by = "numbers"
;;! victim = { 0 = 3, 2 = -2 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (call $say (i64.const 0) (f64.const 1))
    (if (local.get $victim) (then
      (call $say (i64.const 0) (f64.const 1.7976931348623157e308))
      (call $say (i64.const 2) (f64.const -1.7976931348623157e308))
      (call $say (i64.const 3) (f64.const 5e-324))))
    (i32.const 128)))
