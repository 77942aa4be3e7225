;;! tries = "look behind its own lists for those of a grain that had more rows"
;;! leaks_by = "the lists that were copied in"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $seen i32)
    ;; Where the next list would lie.
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -8)))
    (loop $next
      (local.set $seen (i32.or (local.get $seen) (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 131072))))
    (call $found (local.get $seen))))
