;;! tries = "count grains in a mutable global"
;;! leaks_by = "globals"
(module
  @frame
  (global $grains (mut i32) (i32.const 0))
  (func $attack (param $victim i32) (result i32)
    (global.set $grains (i32.add (global.get $grains) (i32.const 1)))
    (call $found (i32.sub (global.get $grains) (i32.const 1)))))
