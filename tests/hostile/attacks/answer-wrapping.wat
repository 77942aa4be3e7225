;;! tries = "answer with a list whose end wraps around"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store (i32.const 136) (i32.const -1))))
    (i32.const 128)))
