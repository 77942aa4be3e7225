;;! tries = "read a clock"
;;! leaks_by = "time"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "clock" "now" (func $now (result i64)))
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.eqz (i64.eqz (call $now))))))
  (core instance $i (instantiate $m (with "clock" (instance (export "now" (func $now))))))
  @contract
)
