(* Walks and draws inputs, and prints what the extracted functions answer: one vector a line, for the checker in
   sandbox/core/examples/vectors.rs. Whole numbers are in base 16, doubles as their 64 bits. The same lines each time.

   steps, answer   GROUPS MAX_GROUPS GRIDS ITEMS ENTRIES ENTRIES   (of output 0 and of output 1, which are alike)
   sensitivity     GRAIN GROUPS MAX_GROUPS LOWER UPPER L1 L2_SQUARED
   shares          MECHANISM GRAIN BUDGET ROUND_WEIGHTS OUTPUTS NOISE   (of outputs, then values, then rounds) *)

open BinNums

(* Numbers. *)

let rec pos n = if n = 1L then Coq_xH else
  let half = pos (Int64.shift_right_logical n 1) in
  if Int64.logand n 1L = 1L then Coq_xI half else Coq_xO half
let z_of_bits n = if n = 0L then Z0 else Zpos (pos n)
let z n = if n < 0 then BinInt.Z.opp (z_of_bits (Int64.of_int (-n))) else z_of_bits (Int64.of_int n)
let pow base e = BinInt.Z.pow (z base) (z e)
let ( +! ) = BinInt.Z.add and ( -! ) = BinInt.Z.sub and ( *! ) = BinInt.Z.mul
let rec nat n = if n = 0 then Datatypes.O else Datatypes.S (nat (n - 1))
let rec int_of_nat = function Datatypes.O -> 0 | Datatypes.S n -> 1 + int_of_nat n

let hex =
  let rec bits = function Coq_xH -> [1] | Coq_xO p -> 0 :: bits p | Coq_xI p -> 1 :: bits p in
  let rec digits = function
    | [] -> ""
    | a :: b :: c :: d :: rest -> digits rest ^ Printf.sprintf "%x" (a + 2 * b + 4 * c + 8 * d)
    | short -> digits (short @ [0]) in
  function Z0 -> "0" | Zpos p -> digits (bits p) | Zneg p -> "-" ^ digits (bits p)

let fraction (q : QArith_base.coq_Q) = hex q.coq_Qnum ^ "/" ^ hex (Zpos q.coq_Qden)
let list separator show = function [] -> "-" | xs -> String.concat separator (List.map show xs)

(* Draws: a linear congruence modulo 2^63 (L'Ecuyer 1999), of which the upper bits are used. *)

let state = ref 20240607
let draw bits =
  state := !state * 2862933555777941757 + 3037000493;
  (!state land max_int) lsr (62 - bits)
let below n = draw 40 mod n
let between low high = low + below (high - low + 1)
let chance percent = below 100 < percent
let pick xs = List.nth xs (below (List.length xs))
let times n f = List.init n (fun _ -> f ())
let bits64 () = Int64.logor (Int64.shift_left (Int64.of_int (draw 32)) 32) (Int64.of_int (draw 32))

(* Up to so many binary digits, of either sign; all lengths alike. *)
let z_up_to bits =
  let size = z_of_bits (Int64.shift_right_logical (bits64 ()) (64 - between 1 bits)) in
  if chance 50 then size else BinInt.Z.opp size

let bounds () =
  let edge = pow 2 62 in
  let low, high = match below 4 with
    | 0 -> z (between (-9) 9), z (between (-9) 9)
    | 1 -> z_up_to 62, z_up_to 62
    | 2 -> z (between (-1000) 0), z_up_to 62
    | _ -> pick [BinInt.Z.opp edge; BinInt.Z.opp edge +! z 1; z 0], pick [edge; edge -! z 1; z 1] in
  BinInt.Z.min low high, BinInt.Z.max low high

(* Doubles that lie near the middle between two steps, at the ends of words, or anywhere. *)

let granularities =
  let word = pow 2 64 in
  [ z 1, z 1, 1.; z 1, z 100, 0.01; z 1, z 3, 1. /. 3.; z 7, z 1, 7.; z 1, z 8, 0.125; pow 2 40, z 1, 0x1p40;
    z 3, pow 2 20, 0x3p-20; word -! z 1, word -! z 59, 1.; word -! z 59, z 1, 0x1p64; z 1, word -! z 1, 0x1p-64;
    word, z 1, 0x1p64; z 1, word, 0x1p-64; word +! z 1, z 1, 0x1p64; pow 10 25, z 3, 1e25 /. 3.;
    z 1, pow 10 25, 1e-25 ]

let special = [ 0.; -0.; nan; -.nan; infinity; neg_infinity; max_float; -.max_float; min_float; 0x1p-1074; -0x1p-1074;
  0x1p62; -0x1p62; 0x1p63; -0x1p63; 0x1p64; -0x1p64; 0x1.fffffffffffffp63; 1.5; 2.5; -0.5; 0.49999999999999994 ]

(* [wild] percent have any bits. They are what takes time: a thousand digits are divided one by one. *)
let double wild size =
  match below 100 with
  | k when k < wild -> bits64 ()
  | k when k < wild + 8 -> Int64.bits_of_float (pick special)
  | _ ->
    let whole = float_of_int (between (-60) 60) *. if chance 50 then 1. else ldexp 1. (below 66) in
    let near = Int64.bits_of_float ((whole +. pick [0.; 0.5; -0.5]) *. size) in
    Int64.add near (pick [0L; 0L; 1L; -1L])

let negated bits = Int64.logxor bits Int64.min_int

(* Answers. *)

let show_grid (g : Clamp.grid) = list "/" hex [g.lower; g.upper; g.num; g.den]
let show_entries = list ";" (fun (group, values) -> Printf.sprintf "%x:" (int_of_nat group) ^ list "." hex values)
let show_item (output, key, numbers) =
  let key = match key with None -> "x" | Some k -> hex k in
  Printf.sprintf "%x:%s:%s" output key (list "." (Printf.sprintf "%Lx") numbers)

let answer kind n m grids items =
  let item (of_output, key, numbers) =
    { Clamp.of_output = nat of_output; key; numbers = List.map (fun bits -> Clamp.decode (z_of_bits bits)) numbers } in
  let all = List.map item items in
  let entries index = Clamp.host { index = nat index; groups = nat n; max_groups = nat m; grids } all in
  Printf.printf "%s %x %x %s %s %s %s\n" kind n m (list "," show_grid grids) (list ";" show_item items)
    (show_entries (entries 0)) (show_entries (entries 1))

(* One number within wide bounds, or two that nearly cancel: what is beyond 2^62 shows in the difference. *)
let steps () =
  let num, den, size = pick granularities in
  let edge = pow 2 62 in
  let lower = if chance 80 then BinInt.Z.opp edge else fst (bounds ()) in
  let grids = [ { Clamp.lower; upper = BinInt.Z.max lower edge; num; den } ] in
  for _ = 1 to 25 do
    let x = double 8 size in
    let more = match below 3 with
      | 0 -> []
      | 1 -> [ negated (Int64.add x (Int64.of_int (between (-3) 3))) ]
      | _ -> [ Int64.bits_of_float (if x < 0L then infinity else neg_infinity) ] in
    answer "steps" 1 1 grids (List.map (fun x -> 0, Some Z0, [x]) (x :: more))
  done

(* The last value of each output counts 1 for a group that is named, whatever is said of it: so that totals tell a
   group that counts 0 from one that does not count, and from one that counts twice. *)
let answers () =
  let n = between 1 6 in
  let m = between 1 n in
  let anything () = Int64.bits_of_float (pick [0.; 1.; -7.; nan; infinity]) in
  let one = { Clamp.lower = z 1; upper = z 1; num = z 1; den = z 1 }, anything in
  let grid () =
    let num, den, size = pick granularities and lower, upper = bounds () in
    { Clamp.lower; upper; num; den }, fun () -> double 2 size in
  let grids = times (between 1 2) grid @ [one] in
  for _ = 1 to 25 do
    let item () =
      let numbers = List.map (fun (_, number) -> number ()) grids in
      let numbers = if chance 90 then numbers else pick [ []; List.tl numbers; 0L :: numbers ] in
      let key = match below 20 with 0 -> None | 1 -> Some (z_up_to 62) | _ -> Some (z (between (-1) n)) in
      (if chance 10 then 2 else below 2), key, numbers in
    answer "answer" n m (List.map fst grids) (times (below 8) item)
  done

(* Sensitivities. *)

let grain_name = function Sensitivity.Unit -> "unit" | Blocks -> "blocks"

let sensitivity grain n m lower upper =
  let s = Sensitivity.sensitivity_of grain n m lower upper in
  Printf.printf "sensitivity %s %s\n" (grain_name grain) (list " " hex [n; m; lower; upper; s.l1; s.l2_squared])

let both f = f Sensitivity.Unit; f Sensitivity.Blocks

let small_sensitivities () =
  for n = 1 to 7 do for m = 1 to n + 1 do for lower = -5 to 5 do for upper = lower to 5 do
    both (fun grain -> sensitivity grain (z n) (z m) (z lower) (z upper))
  done done done done

let drawn_sensitivity () =
  let n = BinInt.Z.add (z 1) (BinInt.Z.abs (z_up_to 32)) in
  let m = match below 3 with
    | 0 -> BinInt.Z.add (z 1) (BinInt.Z.abs (z_up_to 31))
    | 1 -> BinInt.Z.add (z 1) (BinInt.Z.div n (z (between 1 4)))
    | _ -> n in
  let lower, upper = bounds () in
  both (fun grain -> sensitivity grain n (BinInt.Z.min m (pow 2 32 -! z 1)) lower upper)

(* Shares, of bounds that leave the noise within 2^90 steps: a manifest with wider noise is refused. *)

let ratio high = { QArith_base.coq_Qnum = z (between 1 high); coq_Qden = pos (Int64.of_int (between 1 1000)) }

let shares () =
  let grain = pick [ Sensitivity.Unit; Blocks ] and laplace = chance 50 in
  let output () =
    let n = between 1 40 in
    let m = between 1 n in
    let value () =
      let a = z_up_to 40 and b = z_up_to 40 in
      let lower, upper = match BinInt.Z.min a b, BinInt.Z.max a b with Z0, Z0 -> z 0, z 1 | both -> both in
      let s = Sensitivity.sensitivity_of grain (z n) (z m) lower upper in
      let moves = { QArith_base.coq_Qnum = (if laplace then s.l1 else s.l2_squared); coq_Qden = Coq_xH } in
      { Shares.value_weight = ratio 100; sensitivity = moves }, (lower, upper) in
    let values = times (between 1 3) value in
    { Shares.output_weight = ratio 100; values = List.map fst values }, (n, m, List.map snd values) in
  let outputs = times (between 1 3) output in
  let p = { Shares.budget = ratio 20; round_weights = times (between 1 4) (fun () -> ratio 100);
            outputs = List.map fst outputs } in
  let noise = if laplace then Shares.scale p else Shares.variance p in
  let show_value ((v : Shares.value), (lower, upper)) =
    list "~" Fun.id [fraction v.value_weight; hex lower; hex upper] in
  let show_output ((o : Shares.output), (n, m, bounds)) =
    Printf.sprintf "%s:%x:%x:%s" (fraction o.output_weight) n m (list "," show_value (List.combine o.values bounds)) in
  let each_round o v = List.map (fun w -> fraction (noise w o v)) p.round_weights in
  let all = List.concat_map (fun (o : Shares.output) -> List.concat_map (each_round o) o.values) p.outputs in
  Printf.printf "shares %s %s %s %s %s %s\n" (if laplace then "laplace" else "gaussian") (grain_name grain)
    (fraction p.budget) (list "," fraction p.round_weights) (list ";" show_output outputs) (list "," Fun.id all)

let () =
  let repeat n f = for _ = 1 to n do f () done in
  repeat 10_000 steps;
  repeat 6_000 answers;
  small_sensitivities ();
  repeat 297_000 drawn_sensitivity;
  repeat 10_000 shares
