;;! tries = "keep an outside reference in a table of its own"
;;! leaks_by = "tables"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (table $t 2 externref)
    (func $attack (param $victim i32) (result i32)
      (local $was i32)
      (local.set $was (i32.eqz (ref.is_null (table.get $t (i32.const 0)))))
      (table.fill $t (i32.const 0) (ref.null extern) (i32.const 2))
      (call $found (local.get $was))))
  (core instance $i (instantiate $m))
  @contract
)
