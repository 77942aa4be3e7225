;;! tries = "never end, and write on and on how far it came"
;;! leaks_by = "time, and what is left of a count"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (loop $on
        (i64.store (i32.const 131072) (i64.add (i64.load (i32.const 131072)) (i64.const 1)))
        (br $on))))
    (i32.const 128)))
