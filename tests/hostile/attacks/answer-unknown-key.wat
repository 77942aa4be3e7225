;;! tries = "name a group by a key that is neither a number nor a text"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store8 (i32.const 2048) (i32.const 2))))
    (i32.const 128)))
