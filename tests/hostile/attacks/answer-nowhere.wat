;;! tries = "answer at an address outside memory"
;;! leaks_by = "how an answer is read"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (return (i32.const -4))))
    (i32.const 128)))
