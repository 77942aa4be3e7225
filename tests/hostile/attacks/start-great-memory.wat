;;! tries = "begin with more memory than a grain has"
;;! leaks_by = "memory"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $great (memory 65536))
  (core instance (instantiate $great))
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
