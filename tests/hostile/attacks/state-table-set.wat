;;! tries = "put a function into a table"
;;! leaks_by = "tables"
;;! unseen = "new"
(module
  @frame
  (table $t 2 funcref)
  (elem declare func $left)
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.eqz (ref.is_null (table.get $t (i32.const 1)))))
    (table.set $t (i32.const 1) (ref.func $left))
    (call $found (local.get $seen))))
