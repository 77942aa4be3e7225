;;! tries = "burn most of the fuel in every grain, and all of it in the victim's: who shares fuel runs out"
;;! leaks_by = "time, fuel"
;;! victim = {}
(module
  @frame
  (func $attack (param $victim i32) (result i32)
    (local $turns i32)
    (local.set $turns (select (i32.const 100000000) (i32.const 3000000) (local.get $victim)))
    (loop $on
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (br_if $on (local.get $turns)))
    (call $found (i32.const 0))))
