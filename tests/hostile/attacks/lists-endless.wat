;;! tries = "never end while it is asked for room for the victim's longer list"
;;! leaks_by = "the lists that are copied in, time"
;;! victim = {}
(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 65536))
  (global $grains (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $start i32)
    (loop $on (br_if $on (i32.gt_u (local.get $size) (i32.const 200))))
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get $size)))
    (local.get $start))
  ;; One contribution: output 0, group 0, the value 1.
  (data (i32.const 132) "\00\04\00\00\01\00\00\00")
  (data (i32.const 1024) "\00\00\00\00\00\08\00\00\01\00\00\00\00\0c\00\00\01\00\00\00")
  (data (i32.const 3072) "\00\00\00\00\00\00\f0\3f")
  (func (export "contribute") (param i32 i32 i32 i32) (result i32) (i32.const 128)))
