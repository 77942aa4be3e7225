;;! tries = "ask for memory for ever"
;;! leaks_by = "time, memory"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (loop $on (drop (memory.grow (i32.const 1))) (br $on))))
    (i32.const 128)))
