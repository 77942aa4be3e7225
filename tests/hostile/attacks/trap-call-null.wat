;;! tries = "call what a table does not hold, and what lies behind it"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (table $t 2 funcref)
  (elem (table $t) (i32.const 0) func $left)
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (if (i32.load (i32.const 8192)) (then (drop (call_indirect $t (result i32) (i32.const 1000)))))
      (drop (call_indirect $t (result i32) (i32.const 1)))))
    (i32.const 128)))
