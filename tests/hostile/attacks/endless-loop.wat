;;! tries = "never end"
;;! leaks_by = "time"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (loop $on (br $on))))
    (i32.const 128)))
