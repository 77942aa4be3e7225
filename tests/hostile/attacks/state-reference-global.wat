;;! tries = "remember a function in a global"
;;! leaks_by = "globals"
;;! unseen = "new"
(module
  @frame
  (global $function (mut funcref) (ref.null func))
  (elem declare func $left)
  (func $attack (param $victim i32) (result i32)
    (local $was i32)
    (local.set $was (i32.eqz (ref.is_null (global.get $function))))
    (global.set $function (ref.func $left))
    (call $found (local.get $was))))
