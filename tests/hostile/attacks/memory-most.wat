;;! tries = "take and write all memory there is, in every grain: who shares memory runs out"
;;! leaks_by = "memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $at i32)
    (loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (local.set $at (i32.const 262144))
    (loop $next
      (if (i32.load (local.get $at)) (then (call $say (i64.const 2) (f64.const 1))))
      (i32.store (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.mul (memory.size) (i32.const 65536)))))
    ;; All of sixteen mebibytes, and no more.
    (call $found (i32.sub (i32.const 256) (memory.size)))))
