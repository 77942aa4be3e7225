;;! tries = "name an output that is not there, groups with no key and with nine, and say no value and two"
;;! leaks_by = "which groups there are"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (i32.const 0)))
    (if (i32.eqz (local.get $victim)) (then (return (i32.const 128))))
    (call $say (i64.const 2) (f64.const 1))
    (i32.store (i32.const 1064) (i32.const -1))
    (call $say (i64.const 2) (f64.const 1))
    (i32.store (i32.const 1092) (i32.const 0))
    (call $say (i64.const 2) (f64.const 1))
    (i32.store (i32.const 1112) (i32.const 9))
    (call $say (i64.const 2) (f64.const 1))
    (i32.store (i32.const 1140) (i32.const 0))
    (call $say (i64.const 2) (f64.const 1))
    (i32.store (i32.const 1160) (i32.const 2))
    (i32.const 128)))
