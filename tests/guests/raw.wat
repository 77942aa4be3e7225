;; A guest by hand, for what a compiler would not write. `contribute` answers with one contribution
;; of output 0 and no group. The tests fill in the four words in capitals: the pages of memory,
;; further fields of the module, what the value is, and what happens to the answer afterwards.
(module
  (memory (export "memory") MEMORY)
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param $old i32) (param i32) (param i32) (param $size i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get $size)))
    (local.get $start))
  ITEMS
  (func $body (param $state i32) (result f64) BODY)
  (func (export "contribute") (param i32 i32) (param $state i32) (param i32) (result i32)
    ;; values: one number at 512
    (f64.store (i32.const 512) (call $body (local.get $state)))
    ;; contribution at 256: output, group (address, length), values (address, length)
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (i32.const 8))
    (i32.store (i32.const 264) (i32.const 0))
    (i32.store (i32.const 268) (i32.const 512))
    (i32.store (i32.const 272) (i32.const 1))
    ;; result at 128: ok, list of one contribution
    (i32.store (i32.const 128) (i32.const 0))
    (i32.store (i32.const 132) (i32.const 256))
    (i32.store (i32.const 136) (i32.const 1))
    AFTER
    (i32.const 128)))
