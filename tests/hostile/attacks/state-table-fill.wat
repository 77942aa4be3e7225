;;! tries = "fill a table with functions"
;;! leaks_by = "tables"
;;! unseen = "new"
(module
  @frame
  (table $t 1000 funcref)
  (elem declare func $left)
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.eqz (ref.is_null (table.get $t (i32.const 999)))))
    (table.fill $t (i32.const 0) (ref.func $left) (i32.const 1000))
    (call $found (local.get $seen))))
