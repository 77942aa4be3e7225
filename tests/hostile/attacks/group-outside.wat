;;! tries = "name groups outside the domain, for the victim only"
;;! leaks_by = "which groups there are"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (i32.const 0)))
    (if (local.get $victim) (then
      (call $say (i64.const 8) (f64.const 1))
      (call $say (i64.const -1) (f64.const 1))
      (call $say (i64.const -9223372036854775808) (f64.const 1))
      (call $say (i64.const 4294967296) (f64.const 1))))
    (i32.const 128)))
