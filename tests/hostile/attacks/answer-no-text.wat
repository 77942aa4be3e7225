;;! tries = "name a group by a text that is not UTF-8"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store8 (i32.const 2048) (i32.const 1))
      (i32.store (i32.const 2056) (i32.const 8192)) (i32.store (i32.const 2060) (i32.const 2))
      (i32.store16 (i32.const 8192) (i32.const 0xffc3))))
    (i32.const 128)))
