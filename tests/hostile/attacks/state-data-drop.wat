;;! tries = "drop a segment of data, which shows in the next grain as a trap"
;;! leaks_by = "segments"
;;! unseen = "new"
(module
  @frame
  (data $d "\05")
  (func $attack (param $victim i32) (result i32)
    (memory.init $d (i32.const 8192) (i32.const 0) (i32.const 1))
    (data.drop $d)
    (call $found (i32.sub (i32.load8_u (i32.const 8192)) (i32.const 5)))))
