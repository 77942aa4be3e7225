;;! tries = "never end before it is called"
;;! leaks_by = "time"
;;! others = {}
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $start (loop $on (br $on)))
    (start $start)
    (func $attack (param $victim i32) (result i32) (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
