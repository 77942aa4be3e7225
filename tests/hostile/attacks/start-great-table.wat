;;! tries = "begin with a table of four billion elements"
;;! leaks_by = "memory"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (table 4294967295 funcref)
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
