;;! tries = "trap with what it wrote lying about"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (unreachable)))
    (i32.const 128)))
