;;! tries = "end by an exception, with fuel that was not counted in its handler"
;;! leaks_by = "time, fuel"
;;! victim = {}
;;! may_be_refused = true
;;! unseen = "refused"
(component
  (core module $m
    @frame
    (tag $thrown (param i32))
    (func $attack (param $victim i32) (result i32)
      (drop (call $found (i32.const 0)))
      (loop $again
        (block $caught (result i32)
          (try_table (catch $thrown $caught) (throw $thrown (i32.const 1)))
          (unreachable))
        (drop)
        (br_if $again (local.get $victim)))
      (i32.const 128)))
  (core instance $i (instantiate $m))
  @contract
)
