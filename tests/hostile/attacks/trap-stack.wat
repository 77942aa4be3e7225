;;! tries = "call itself until the stack is used up"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
(module
  @frame
  (func $down (param i64) (result i64)
    (i64.add (i64.load (i32.const 8184)) (call $down (i64.add (local.get 0) (i64.const 1)))))
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (call $down (i64.const 1)))))
    (i32.const 128)))
