;;! tries = "answer with contributions that all point at the same great text: terabytes, if they were copied"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store8 (i32.const 2048) (i32.const 1))
      (local.set $at (i32.const 262144))
      (drop (memory.grow (i32.const 200)))
      (i32.store (i32.const 2056) (i32.const 262144)) (i32.store (i32.const 2060) (i32.const 10000000))
      (loop $next
        (memory.copy (local.get $at) (i32.const 1024) (i32.const 20))
        (local.set $at (i32.add (local.get $at) (i32.const 20)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 1262144))))
      (i32.store (i32.const 132) (i32.const 262144))
      (i32.store (i32.const 136) (i32.const 50000))))
    (i32.const 128)))
