;;! tries = "use the number of a resource that is not its own"
;;! leaks_by = "handles"
;;! victim = {}
;;! may_be_refused = true
;;! unseen = "new"
(component
  (type $thing (resource (rep i32)))
  (core func $rep (canon resource.rep $thing))
  (core module $m
    (import "thing" "rep" (func $rep (param i32) (result i32)))
    @frame
    (func $attack (param $victim i32) (result i32)
      (drop (call $found (i32.const 0)))
      (if (local.get $victim) (then (call $say (i64.const 2) (f64.convert_i32_u (call $rep (i32.const 1))))))
      (i32.const 128)))
  (core instance $i (instantiate $m (with "thing" (instance (export "rep" (func $rep))))))
  @contract
)
