;;! tries = "answer with NaNs that carry something in their bits"
;;! leaks_by = "numbers"
;;! others = { 0 = -2, 2 = -2 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (call $say (i64.const 0) (f64.reinterpret_i64 (i64.or (i64.const 0x7ff8000000000000) (i64.extend_i32_u (local.get $victim)))))
    (call $say (i64.const 2) (f64.reinterpret_i64 (i64.or (i64.const 0xfff0000000000001) (i64.shl (i64.extend_i32_u (local.get $victim)) (i64.const 40)))))
    (i32.const 128)))
