;;! tries = "grow a table, and look how large it is and what is in it"
;;! leaks_by = "tables"
;;! unseen = "new"
(module
  @frame
  (table $t 2 funcref)
  (elem declare func $left)
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.sub (table.size $t) (i32.const 2)))
    (drop (table.grow $t (ref.null func) (i32.const 3)))
    (local.set $seen (i32.add (local.get $seen) (i32.eqz (ref.is_null (table.get $t (i32.const 4))))))
    (table.set $t (i32.const 4) (ref.func $left))
    (call $found (local.get $seen))))
