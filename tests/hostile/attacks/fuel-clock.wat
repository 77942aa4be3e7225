;;! tries = "count how far a loop comes beside what others do, in memory, a global and a table's size"
;;! leaks_by = "time"
;;! victim = { 0 = 1, 2 = 1 }
(module
  @frame
  (global $count (mut i64) (i64.const 0))
  (func $attack (param $victim i32) (result i32)
    (local $turns i32) (local $was i64)
    (local.set $was (i64.add (global.get $count) (i64.load (i32.const 131072))))
    (local.set $turns (select (i32.const 1000000) (i32.const 10) (local.get $victim)))
    (loop $on
      (global.set $count (i64.add (global.get $count) (i64.const 1)))
      (i64.store (i32.const 131072) (global.get $count))
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (br_if $on (local.get $turns)))
    (call $say (i64.const 2) (f64.convert_i32_u (i64.gt_u (global.get $count) (i64.const 10))))
    (call $found (i32.wrap_i64 (local.get $was)))))
