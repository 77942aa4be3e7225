;;! tries = "name a group with fifteen mebibytes of text, twice over"
;;! leaks_by = "how large an answer is"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (drop (call $found (call $left)))
    (call $leave)
    (if (local.get $victim) (then
      (i32.store8 (i32.const 2048) (i32.const 1))
      (drop (memory.grow (i32.const 240)))
      (memory.fill (i32.const 262144) (i32.const 97) (i32.const 15728640))
      (i32.store (i32.const 2056) (i32.const 262144)) (i32.store (i32.const 2060) (i32.const 15728640))
      (memory.copy (i32.const 2064) (i32.const 2048) (i32.const 16))))
    (i32.const 128)))
