;;! tries = "mark memory that is addressed with 64 bits"
;;! leaks_by = "memory"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (memory $far i64 1)
    (func $attack (param $victim i32) (result i32)
      (local $seen i32)
      (local.set $seen (i32.load $far (i64.const 65532)))
      (i32.store $far (i64.const 65532) (i32.const 1))
      (call $found (local.get $seen))))
  (core instance $i (instantiate $m))
  @contract
)
