;;! tries = "count in a memory that is shared between instances"
;;! leaks_by = "memory, time"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (memory $shared 1 1 shared)
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.atomic.rmw.add $shared (i32.const 0) (i32.const 1)))))
  (core instance $i (instantiate $m))
  @contract
)
