;;! tries = "leave marks in so many separate pages that whoever lists them may stop early"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $seen i32)
    (local.set $at (i32.const 131072))
    (loop $next
      (local.set $seen (i32.add (local.get $seen) (i32.load8_u (local.get $at))))
      (i32.store8 (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 8192)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 262144))))
    (call $found (local.get $seen))))
