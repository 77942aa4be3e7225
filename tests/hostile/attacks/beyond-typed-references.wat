;;! tries = "call through typed references"
;;! leaks_by = "calls"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (type $f (func (result i32)))
    (elem declare func $left)
    (func $attack (param $victim i32) (result i32)
      (call $found (call_ref $f (ref.func $left)))))
  (core instance $i (instantiate $m))
  @contract
)
