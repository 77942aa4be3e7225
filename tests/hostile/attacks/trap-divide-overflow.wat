;;! tries = "trap in a division that overflows"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (i64.div_s (i64.const -9223372036854775808) (i64.sub (i64.load (i32.const 8192)) (i64.const 1))))))
    (i32.const 128)))
