;;! tries = "export what a host may call its own helpers, and lie there"
;;! leaks_by = "names"
;;! unseen = "new"
(module
  @frame
  (global $marks (export "unseen marks") (mut i64) (i64.const 0))
  (func (export "unseen contribute") (param i32 i32 i32 i32) (result i32) (i32.const 128))
  (func (export "unseen global 0") (result i32) (unreachable))
  (func $attack (param $victim i32) (result i32)
    (local $seen i32)
    (local.set $seen (i32.add (call $left) (i32.wrap_i64 (global.get $marks))))
    (call $leave)
    (global.set $marks (i64.const 0))
    (call $found (local.get $seen))))
