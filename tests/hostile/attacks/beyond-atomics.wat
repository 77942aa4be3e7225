;;! tries = "use atomic instructions, and wait for what never comes"
;;! leaks_by = "time"
;;! victim = {}
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (if (local.get $victim) (then (drop (memory.atomic.wait32 (i32.const 8192) (i32.const 0) (i64.const -1)))))
      (call $found (i32.atomic.rmw.xchg (i32.const 131072) (i32.const 1)))))
  (core instance $i (instantiate $m))
  @contract
)
