;;! tries = "grow, look at what the new memory holds, and mark it"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $seen i32)
    (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (return (i32.const 128))))
    (local.set $at (i32.const 262144))
    (loop $next
      (local.set $seen (i32.add (local.get $seen) (i32.load (local.get $at))))
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 6815744))))
    (call $found (local.get $seen))))
