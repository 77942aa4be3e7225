;;! tries = "answer with a list of contributions that lies over itself, its keys and its values"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store (i32.const 132) (i32.const 128))
      (i32.store (i32.const 136) (i32.const 13000))))
    (i32.const 128)))
