;;! tries = "count grains in exported globals of every kind of number"
;;! leaks_by = "globals"
(module
  @frame
  (global $l (export "global 0") (mut i64) (i64.const 0))
  (global $f (export "marks") (mut f32) (f32.const 0))
  (global $d (export "contribution") (mut f64) (f64.const 0))
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.trunc_f64_u (f64.add (f64.convert_i64_u (global.get $l))
      (f64.add (global.get $d) (f64.promote_f32 (global.get $f))))))
    (global.set $l (i64.add (global.get $l) (i64.const 1)))
    (global.set $f (f32.add (global.get $f) (f32.const 1)))
    (global.set $d (f64.add (global.get $d) (f64.const 1)))
    (call $found (local.get $seen))))
