;;! tries = "answer with texts in UTF-16, at an odd address, with half a pair, and longer than memory"
;;! leaks_by = "how an answer is read"
;;! victim = {}
;;! may_be_refused = true
;;! unseen = "new"
(component
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (drop (call $found (call $left)))
      (call $leave)
      (if (local.get $victim) (then
        (i32.store8 (i32.const 2048) (i32.const 1))
        (i32.store (i32.const 2056) (i32.const 8193)) (i32.store (i32.const 2060) (i32.const 3))
        (i32.store16 (i32.const 8193) (i32.const 0xd800))))
      (i32.const 128)))
  (core instance $i (instantiate $m))
  (import "unseen:job/types@0.2.0" (instance $types
    (type $texts' (record (field "offsets" (list u32)) (field "bytes" (list u8))))
    (export "texts" (type $texts (eq $texts')))
    (type $cells' (variant (case "ints" (list s64)) (case "floats" (list f64)) (case "bools" (list u8))
      (case "texts" $texts)))
    (export "cells" (type $cells (eq $cells')))
    (type $column' (record (field "cells" $cells) (field "validity" (list u8))))
    (export "column" (type $column (eq $column')))
    (type $table' (record (field "rows" u32) (field "columns" (list $column))))
    (export "table" (type (eq $table')))
    (type $key' (variant (case "int" s64) (case "text" string)))
    (export "key" (type $key (eq $key')))
    (type $contribution' (record (field "output" u32) (field "group" (list $key)) (field "values" (list f64))))
    (export "contribution" (type (eq $contribution')))))
  (alias export $types "table" (type $table))
  (alias export $types "contribution" (type $contribution))
  (func $contribute (param "grain" (list $table)) (param "state" (list f64))
    (result (result (list $contribution) (error string)))
    (canon lift (core func $i "contribute") string-encoding=utf16 (memory $i "memory") (realloc (func $i "cabi_realloc"))))
  (export "contribute" (func $contribute))
)
