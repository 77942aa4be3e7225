;;! tries = "trap when there is no more memory, all of it written"
;;! leaks_by = "memory"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (loop $on
        (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
        (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (unreachable)))
    (i32.const 128)))
