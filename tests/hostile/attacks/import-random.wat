;;! tries = "draw random numbers"
;;! leaks_by = "randomness"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
  (core func $draw (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "random" "draw" (func $draw (result i64)))
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.eqz (i64.eqz (call $draw))))))
  (core instance $i (instantiate $m (with "random" (instance (export "draw" (func $draw))))))
  @contract
)
