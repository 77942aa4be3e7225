;;! tries = "keep objects of a collected heap in a global"
;;! leaks_by = "globals, the heap"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (type $box (struct (field (mut i32))))
    (global $kept (mut (ref null $box)) (ref.null $box))
    (func $attack (param $victim i32) (result i32)
      (local $was i32)
      (local.set $was (i32.eqz (ref.is_null (global.get $kept))))
      (global.set $kept (struct.new $box (i32.const 1)))
      (call $found (local.get $was))))
  (core instance $i (instantiate $m))
  @contract
)
