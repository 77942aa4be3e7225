;;! tries = "compute with instructions that differ between processors"
;;! leaks_by = "which machine it is"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $found (i32x4.extract_lane 0 (i32x4.relaxed_trunc_f32x4_s (v128.const f32x4 0 0 0 0))))))
  (core instance $i (instantiate $m))
  @contract
)
