;;! tries = "trap in turning a NaN into a whole number"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (i32.trunc_f64_s (f64.div (f64.convert_i32_u (i32.load (i32.const 8192))) (f64.const 0))))))
    (i32.const 128)))
