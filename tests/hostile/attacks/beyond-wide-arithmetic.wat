;;! tries = "compute with 128 bits"
;;! leaks_by = "which machine it is"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (local $high i64)
      (i64.mul_wide_u (i64.const -1) (i64.const 2))
      (local.set $high)
      (drop)
      (call $found (i32.sub (i32.wrap_i64 (local.get $high)) (i32.const 1)))))
  (core instance $i (instantiate $m))
  @contract
)
