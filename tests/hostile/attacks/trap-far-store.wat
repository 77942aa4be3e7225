;;! tries = "write as far behind memory as an address reaches"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (v128.store offset=4294967295 (i32.const -1) (v128.const i64x2 -1 -1))))
    (i32.const 128)))
