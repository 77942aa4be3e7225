;;! tries = "write to all pages and write back what was there, then mark one of them in the same way"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $seen i32) (local $was i32)
    (local.set $at (i32.const 131072))
    (loop $next
      (local.set $was (i32.load (local.get $at)))
      (i32.store (local.get $at) (i32.const -1))
      (i32.store (local.get $at) (local.get $was))
      (local.set $seen (i32.or (local.get $seen) (local.get $was)))
      (local.set $at (i32.add (local.get $at) (i32.const 1024)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 262144))))
    (i32.store (i32.const 232448) (i32.const 1))
    (call $found (local.get $seen))))
