;;! tries = "count grains from a number that its start function made"
;;! leaks_by = "globals"
;;! unseen = "new"
(module
  @frame
  (global $grains (mut i32) (i32.const 0))
  (func $start (global.set $grains (i32.const 7)))
  (start $start)
  (func $attack (param $victim i32) (result i32)
    (global.set $grains (i32.add (global.get $grains) (i32.const 1)))
    (call $found (i32.sub (global.get $grains) (i32.const 8)))))
