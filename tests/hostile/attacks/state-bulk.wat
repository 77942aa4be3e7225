;;! tries = "copy and fill whole ranges of memory, also over each other"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add (i32.load8_u (i32.const 139264)) (i32.load8_u (i32.const 221183))))
    (memory.fill (i32.const 139263) (i32.const 7) (i32.const 4098))
    (memory.copy (i32.const 143359) (i32.const 139263) (i32.const 77825))
    (memory.copy (i32.const 139263) (i32.const 139264) (i32.const 81920))
    (memory.fill (i32.const 221183) (i32.const 7) (i32.const 1))
    (call $found (local.get $seen))))
