;;! tries = "trap in a division by zero"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (i32.div_s (i32.const 1) (i32.load (i32.const 8192))))))
    (i32.const 128)))
