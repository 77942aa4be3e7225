;;! tries = "look whether arithmetic keeps the bits of a NaN, which differs between processors"
;;! leaks_by = "numbers"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (call $found (i64.ne (i64.const 0x7ff8000000000000)
      (i64.reinterpret_f64 (f64.add (f64.reinterpret_i64 (i64.const 0xfff8000000000123)) (f64.convert_i32_u (local.get $victim))))))))
