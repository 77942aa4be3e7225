;;! tries = "answer with a zero that has a sign"
;;! leaks_by = "numbers"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (call $say (i64.const 0) (f64.const 1))
    (call $say (i64.const 1) (f64.copysign (f64.const 0) (f64.convert_i32_s (i32.sub (i32.const 0) (local.get $victim)))))
    (i32.const 128)))
