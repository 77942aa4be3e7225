;;! tries = "name all groups of the domain where a unit may be in three"
;;! leaks_by = "which groups there are"
;;! victim = { 0 = 2, 1 = 1, 2 = 1 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $group i64)
    (drop (call $found (i32.const 0)))
    (loop $next
      (if (local.get $victim) (then (call $say (local.get $group) (f64.const 1))))
      (local.set $group (i64.add (local.get $group) (i64.const 1)))
      (br_if $next (i64.lt_u (local.get $group) (i64.const 8))))
    (i32.const 128)))
