;;! tries = "link components that pass texts to each other, which the compiler has to join"
;;! leaks_by = "how it is compiled"
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (component $one
    (core module $m (memory (export "memory") 1) (func (export "f") (param i32 i32))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "s" string)
      (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "realloc")))))
  (component $two
    (import "f" (func $f (param "s" string)))
    (core module $m (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (core func $lowered (canon lower (func $f) string-encoding=utf16 (memory $i "memory"))))
  (instance $one (instantiate $one))
  (instance $two (instantiate $two (with "f" (func $one "f"))))
  (core module $m
    @frame
    (func $attack (param $victim i32) (result i32)
      (call $found (i32.const 0))))
  (core instance $i (instantiate $m))
  @contract
)
