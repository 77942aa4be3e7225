;;! tries = "read at addresses that are scaled, and wrap in 32 bits but not in 64"
;;! leaks_by = "memory"
(module
  @frame
  (global $index (mut i32) (i32.const 0x20004000))
  (func $attack (param $victim i32) (result i32)
    (local $at i32)
    (local.set $at (i32.add (global.get $index) (local.get $victim)))
    (i64.store (i32.shl (local.get $at) (i32.const 3)) (i64.const 7))
    (call $found (i32.sub (i32.const 14) (i32.add
      (i32.wrap_i64 (i64.load (i32.shl (local.get $at) (i32.const 3))))
      (i32.wrap_i64 (i64.load offset=8 (i32.shl (i32.sub (local.get $at) (i32.const 1)) (i32.const 3)))))))))
