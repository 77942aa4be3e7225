;;! tries = "answer with infinities"
;;! leaks_by = "numbers"
;;! others = { 0 = 3, 1 = -2 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (call $say (i64.const 0) (f64.const inf))
    (call $say (i64.const 1) (f64.const -inf))
    (i32.const 128)))
