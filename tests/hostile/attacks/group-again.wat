;;! tries = "name one group forty times, up and down"
;;! leaks_by = "which groups there are"
;;! victim = { 0 = 1, 2 = 3 }
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $turns i32)
    (drop (call $found (i32.const 0)))
    (if (i32.eqz (local.get $victim)) (then (return (i32.const 128))))
    (loop $next
      (call $say (i64.const 2) (f64.const 1))
      (call $say (i64.const 3) (f64.const -1))
      (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $turns) (i32.const 20))))
    (i32.const 128)))
