;;! tries = "look into a memory, a table and a global that another module shares with it"
;;! leaks_by = "globals, memory, tables"
;;! unseen = "new"
(component
  (core module $keeper
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "grains") (mut i32) (i32.const 0))
    (func (export "read") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "write") (param i32 i32) (i32.store (local.get 0) (local.get 1))))
  (core module $m
    (import "keeper" "read" (func $read (param i32) (result i32)))
    (import "keeper" "write" (func $write (param i32 i32)))
    (import "keeper" "table" (table $t 4 funcref))
    (import "keeper" "grains" (global $grains (mut i32)))
    @frame
    (elem declare func $left)
    (func $attack (param $victim i32) (result i32)
      (local $seen i32)
      (local.set $seen (i32.add (call $read (i32.const 65532))
        (i32.add (global.get $grains) (i32.eqz (ref.is_null (table.get $t (i32.const 3)))))))
      (call $write (i32.const 65532) (i32.const 1))
      (global.set $grains (i32.const 1))
      (table.set $t (i32.const 3) (ref.func $left))
      (call $found (local.get $seen))))
  (core instance $keeper (instantiate $keeper))
  (core instance $i (instantiate $m (with "keeper" (instance $keeper))))
  @contract
)
