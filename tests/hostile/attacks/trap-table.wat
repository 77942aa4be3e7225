;;! tries = "read behind the end of a table"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (table $t 2 funcref)
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (table.get $t (i32.const 2)))))
    (i32.const 128)))
