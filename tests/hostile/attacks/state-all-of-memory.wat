;;! tries = "read all memory above the first page of its own lists, after writing what it likes"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $seen i32)
    (local.set $at (i32.const 131072))
    (loop $next
      (local.set $seen (i32.add (local.get $seen) (i64.ne (i64.load (local.get $at)) (i64.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 262144))))
    (if (local.get $victim) (then (memory.fill (i32.const 131072) (i32.const 255) (i32.const 131072))))
    (call $found (local.get $seen))))
