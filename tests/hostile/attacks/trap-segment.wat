;;! tries = "copy more of a segment than there is"
;;! leaks_by = "the end of a run, and what it leaves"
;;! victim = {}
;;! unseen = "new"
(module
  @frame
  (data $d "\05\06")
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (memory.init $d (i32.const 8192) (i32.const 1) (i32.const 2))))
    (i32.const 128)))
