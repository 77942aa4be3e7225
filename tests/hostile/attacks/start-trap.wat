;;! tries = "trap before it is called"
;;! leaks_by = "the end of a run"
;;! others = {}
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $start (unreachable))
    (start $start)
    (func $attack (param $victim i32) (result i32) (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
