;;! tries = "count grains in a global that holds a vector"
;;! leaks_by = "globals"
;;! unseen = "new"
(module
  @frame
  (global $grains (mut v128) (v128.const i64x2 0 0))
  (func $attack (param $victim i32) (result i32)
    (global.set $grains (i64x2.add (global.get $grains) (v128.const i64x2 1 1)))
    (call $found (i32.sub (i32.wrap_i64 (i64x2.extract_lane 1 (global.get $grains))) (i32.const 1)))))
