;;! tries = "read behind the end of memory, by one byte and by four gibibytes"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (if (i32.load (i32.const 8192)) (then (drop (i32.load offset=4294967295 (i32.const -1)))))
      (drop (i64.load (i32.const 262137)))))
    (i32.const 128)))
