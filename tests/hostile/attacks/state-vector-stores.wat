;;! tries = "write with the stores of vectors, whole and by lane"
;;! leaks_by = "memory"
(module
  @frame
  (global $ones v128 (v128.const i64x2 -1 -1))
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add
      (i32.add (i32.load8_u (i32.const 143360)) (i32.load8_u (i32.const 147456)))
      (i32.add (i32.add (i32.load8_u (i32.const 151552)) (i32.load8_u (i32.const 155648))) (i32.load8_u (i32.const 159744)))))
    (v128.store (i32.const 143360) (global.get $ones))
    (v128.store8_lane 3 (i32.const 147456) (global.get $ones))
    (v128.store16_lane 3 (i32.const 151552) (global.get $ones))
    (v128.store32_lane 3 (i32.const 155648) (global.get $ones))
    (v128.store64_lane 1 (i32.const 159744) (global.get $ones))
    (call $found (local.get $seen))))
