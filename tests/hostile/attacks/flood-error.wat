;;! tries = "answer with an error of fifteen mebibytes: its text is for nobody outside"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (drop (memory.grow (i32.const 240)))
      (memory.fill (i32.const 262144) (i32.const 97) (i32.const 15728640))
      (i32.store (i32.const 128) (i32.const 1))
      (i32.store (i32.const 132) (i32.const 262144)) (i32.store (i32.const 136) (i32.const 15728640))))
    (i32.const 128)))
