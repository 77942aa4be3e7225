;;! tries = "grow a table until there is no more, and a little"
;;! leaks_by = "memory"
;;! unseen = "new"
(module
  @frame
  (table $t 1 funcref)
  (func $attack (param $victim i32) (result i32)
    (local $turns i32)
    (loop $on
      (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
      (br_if $on (i32.and (i32.lt_u (local.get $turns) (i32.const 1000)) (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))))
    (call $found (i32.const 0))))
