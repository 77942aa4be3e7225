;;! tries = "drop a segment of functions, which shows in the next grain as a trap"
;;! leaks_by = "segments"
;;! unseen = "new"
(module
  @frame
  (table $t 2 funcref)
  (elem $e func $left)
  (func $attack (param $victim i32) (result i32)
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
    (elem.drop $e)
    (call $found (ref.is_null (table.get $t (i32.const 0))))))
