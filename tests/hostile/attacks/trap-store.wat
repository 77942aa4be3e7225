;;! tries = "write over the end of memory"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i64.store (i32.const 262137) (i64.const -1))))
    (i32.const 128)))
