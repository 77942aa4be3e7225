;;! tries = "grow to the limit, by one more, and by more than there ever is"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (if (i32.ne (memory.grow (i32.const 252)) (i32.const 4)) (then (local.set $seen (i32.const 1))))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (local.set $seen (i32.const 1))))
    (if (i32.ne (memory.grow (i32.const 65536)) (i32.const -1)) (then (local.set $seen (i32.const 1))))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then (local.set $seen (i32.const 1))))
    (if (i32.ne (memory.grow (i32.const 0)) (i32.const 256)) (then (local.set $seen (i32.const 1))))
    (call $found (local.get $seen))))
