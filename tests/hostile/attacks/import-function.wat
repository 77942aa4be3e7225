;;! tries = "import a function that somebody may give it"
;;! leaks_by = "whatever it does"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (import "tell" (func $tell (param "what" u32)))
  (core func $lowered (canon lower (func $tell)))
  (core module $m
    (import "host" "tell" (func $tell (param i32)))
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $tell (local.get $victim))
      (call $found (i32.const 0))))
  (core instance $i (instantiate $m (with "host" (instance (export "tell" (func $lowered))))))
  @contract
)
