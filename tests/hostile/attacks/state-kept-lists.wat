;;! tries = "promise to read each list where it lies and free none, and keep them all the same"
;;! leaks_by = "the lists that were copied in"
(module
  @frame
  (func (export "unseen_keeps_lists"))
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    ;; The victim's list is longer: where it lay there must be nothing.
    (local.set $seen (i32.load8_u (i32.add (global.get $next) (i32.const 64))))
    (local.set $seen (i32.add (local.get $seen) (call $left)))
    (call $leave)
    (call $found (local.get $seen))))
