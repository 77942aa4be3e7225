;;! tries = "write across the edges of pages, so that the second page is not where the write began"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add (i32.add (i32.load8_u (i32.const 135168)) (i32.load8_u (i32.const 196608)))
      (i32.add (i32.load8_u (i32.const 204800)) (i32.load8_u (i32.const 262143)))))
    (i64.store (i32.const 135161) (i64.const -1))
    (v128.store offset=65536 (i32.const 131057) (v128.const i64x2 -1 -1))
    (f64.store (i32.const 204793) (f64.const -1.7e308))
    (i32.store16 (i32.const 262142) (i32.const -1))
    (call $found (local.get $seen))))
