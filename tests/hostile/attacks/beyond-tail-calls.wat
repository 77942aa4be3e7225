;;! tries = "call for ever without using up the stack"
;;! leaks_by = "time"
;;! victim = {}
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $on (param i32) (result i32) (return_call $on (local.get 0)))
    (func $attack (param $victim i32) (result i32)
      (if (local.get $victim) (then (drop (call $on (i32.const 1)))))
      (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
