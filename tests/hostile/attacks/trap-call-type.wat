;;! tries = "call a function of a table as what it is not"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (table $t 1 funcref)
  (elem (table $t) (i32.const 0) func $left)
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (call_indirect $t (param i64) (result i64) (i64.const 0) (i32.const 0))
      (drop)))
    (i32.const 128)))
