;;! tries = "mark a second memory of one module"
;;! leaks_by = "memory"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (memory $second 1)
    (func $attack (param $victim i32) (result i32)
      (local $seen i32)
      (local.set $seen (i32.load $second (i32.const 65532)))
      (i32.store $second (i32.const 65532) (i32.const 1))
      (memory.fill $second (i32.const 0) (i32.const 1) (i32.const 8))
      (call $found (local.get $seen))))
  (core instance $i (instantiate $m))
  @contract
)
