;;! tries = "spend all fuel with instructions that each write much"
;;! leaks_by = "time"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (loop $on (memory.fill (i32.const 131072) (i32.const 9) (i32.const 131072)) (br $on))))
    (i32.const 128)))
