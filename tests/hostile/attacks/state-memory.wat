;;! tries = "leave marks in pages with data, without, and in the last one"
;;! leaks_by = "memory"
(module
  @frame
  (data (i32.const 140000) "\05")
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add (call $left) (i32.sub (i32.load8_u (i32.const 140000)) (i32.const 5))))
    (call $leave)
    (i32.store8 (i32.const 140000) (i32.const 6))
    (call $found (local.get $seen))))
