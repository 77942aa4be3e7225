;;! tries = "answer with neither a list nor an error"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store8 (i32.const 128) (i32.const 2))))
    (i32.const 128)))
