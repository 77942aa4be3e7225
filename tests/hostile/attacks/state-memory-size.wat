;;! tries = "grow, and look how large memory is"
;;! leaks_by = "the size of memory"
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.sub (memory.size) (i32.const 4)))
    (drop (memory.grow (i32.const 1)))
    (call $found (local.get $seen))))
