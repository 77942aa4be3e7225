;;! tries = "answer with an error that says who it was"
;;! leaks_by = "error texts"
;;! victim = {}
(module
  @frame
  (data (i32.const 8192) "the victim is here")
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store (i32.const 128) (i32.const 1))
      (i32.store (i32.const 132) (i32.const 8192)) (i32.store (i32.const 136) (i32.const 18))))
    (i32.const 128)))
