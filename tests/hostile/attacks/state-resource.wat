;;! tries = "make resources and keep them: the next one's number says how many there were"
;;! leaks_by = "handles"
;;! may_be_refused = true
;;! unseen = "new"
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core func $rep (canon resource.rep $thing))
  (core module $m
    (import "thing" "new" (func $new (param i32) (result i32)))
    (import "thing" "rep" (func $rep (param i32) (result i32)))
    @frame
    (func $attack (param $victim i32) (result i32)
      (local $first i32)
      (local.set $first (call $new (i32.const 7)))
      (drop (call $new (i32.const 7)))
      (call $found (i32.sub (local.get $first) (i32.const 1)))))
  (core instance $i (instantiate $m (with "thing" (instance (export "new" (func $new)) (export "rep" (func $rep))))))
  @contract
)
