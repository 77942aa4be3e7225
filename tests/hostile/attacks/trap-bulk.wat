;;! tries = "copy and fill over the end of memory, of which nothing is to be written"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (if (i32.load (i32.const 8192)) (then (memory.fill (i32.const 200000) (i32.const 1) (i32.const -1))))
      (memory.copy (i32.const 196608) (i32.const 8184) (i32.const 65537))))
    (i32.const 128)))
