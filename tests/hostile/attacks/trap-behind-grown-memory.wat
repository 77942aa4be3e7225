;;! tries = "read where memory of the victim had grown to, and its own has not"
;;! leaks_by = "memory"
;;! others = {}
;;! victim = { 0 = 1 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (if (local.get $victim) (then
      (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))
      (memory.fill (i32.const 262144) (i32.const 1) (i32.const 6553600))))
    (call $found (i32.sub (i32.load8_u (i32.const 6000000)) (i32.const 1)))))
