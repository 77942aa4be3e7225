;;! tries = "mark a memory with pages of one byte"
;;! leaks_by = "memory"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (memory $odd 5000 (pagesize 1))
    (func $attack (param $victim i32) (result i32)
      (local $seen i32)
      (local.set $seen (i32.load8_u $odd (i32.const 4999)))
      (i32.store8 $odd (i32.const 4999) (i32.const 1))
      (call $found (local.get $seen))))
  (core instance $i (instantiate $m))
  @contract
)
