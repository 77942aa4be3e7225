;;! tries = "answer with ten thousand contributions to one group: they are added up, then clamped"
;;! leaks_by = "how large an answer is"
;;! victim = { 0 = 3 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32) (local $left i32)
    (drop (call $found (i32.const 0)))
    (local.set $left (i32.const 9998))
    (drop (memory.grow (i32.const 4)))
    (if (i32.eqz (local.get $victim)) (then (return (i32.const 128))))
    (memory.copy (i32.const 262144) (i32.const 1024) (i32.const 40))
    (local.set $at (i32.const 262184))
    (loop $next
      (memory.copy (local.get $at) (i32.const 1024) (i32.const 20))
      (local.set $at (i32.add (local.get $at) (i32.const 20)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i32.store (i32.const 132) (i32.const 262144))
    (i32.store (i32.const 136) (i32.const 10000))
    (i32.const 128)))
