;;! tries = "count grains in a global, the memory and the table of a second module"
;;! leaks_by = "globals, memory, tables"
;;! unseen = "new"
(component
  (core module $keeper
    (memory 1)
    (table $t 4 funcref)
    (elem declare func $count)
    (global $grains (mut i32) (i32.const 0))
    (func $count (export "count") (result i32)
      (local $seen i32)
      (local.set $seen (i32.add (i32.eqz (ref.is_null (table.get $t (i32.const 3))))
        (i32.add (global.get $grains) (i32.load (i32.const 65532)))))
      (table.set $t (i32.const 3) (ref.func $count))
      (global.set $grains (i32.const 1))
      (i32.store (i32.const 65532) (i32.const 1))
      (local.get $seen)))
  (core module $m
    (import "keeper" "count" (func $count (result i32)))
    @frame
    (func $attack (param $victim i32) (result i32) (call $found (call $count))))
  (core instance $keeper (instantiate $keeper))
  (core instance $i (instantiate $m (with "keeper" (instance $keeper))))
  @contract
)
