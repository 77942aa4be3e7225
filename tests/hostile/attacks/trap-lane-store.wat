;;! tries = "write one lane of a vector behind the end of memory"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (v128.store64_lane 1 (i32.const 262137) (v128.const i64x2 -1 -1))))
    (i32.const 128)))
