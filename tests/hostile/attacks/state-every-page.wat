;;! tries = "fill all of its memory"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add (i32.load8_u (i32.const 200000)) (i32.load8_u (i32.const 262143))))
    (memory.fill (i32.const 131072) (i32.const 1) (i32.const 131072))
    (call $found (local.get $seen))))
