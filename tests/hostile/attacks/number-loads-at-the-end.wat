;;! tries = "load the last numbers of memory into instructions that a compiler may let read more than they are"
;;! leaks_by = "the end of a run"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (f64.store (i32.const 262136) (f64.convert_i32_u (local.get $victim)))
    (call $found (i32.trunc_f64_s (f64.mul (f64.const 0) (f64.add
      (f64.copysign (f64.load (i32.const 262136)) (f64.load (i32.const 262136)))
      (f64x2.extract_lane 1 (f64x2.splat (f64.load (i32.const 262136))))))))))
