;;! tries = "copy one table into another"
;;! leaks_by = "tables"
;;! unseen = "new"
(module
  @frame
  (table $t 1 funcref)
  (table $u 2 funcref)
  (elem (table $t) (i32.const 0) func $left)
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.eqz (ref.is_null (table.get $u (i32.const 1)))))
    (table.copy $u $t (i32.const 1) (i32.const 0) (i32.const 1))
    (call $found (local.get $seen))))
