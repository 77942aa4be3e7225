(** What the host counts of one grain's answer: Lemma 1 of docs/privacy-model.md.

    The Rust is sandbox/core/src/contributions.rs; names here are the names there. Integers are
    unbounded here; where the Rust has words, a theorem says that they are wide enough. *)

From Coq Require Import ZArith List Bool Lia.
Import ListNotations.
Open Scope Z_scope.

(** * From a double to steps: [Grid::steps] *)

(** [Grid::MOST]. *)
Definition most : Z := 2 ^ 64.

(** a / b to the nearest integer, ties to even. *)
Definition round (a b : Z) : Z :=
  let (quotient, rest) := Z.div_eucl a b in
  if (b <? 2 * rest) || ((2 * rest =? b) && Z.odd quotient) then quotient + 1 else quotient.

(** mantissa * 2^exponent / (num / den), as one fraction. *)
Definition dividend (mantissa exponent den : Z) : Z := mantissa * den * 2 ^ Z.max 0 exponent.
Definition divisor (exponent num : Z) : Z := num * 2 ^ Z.max 0 (- exponent).

Definition nearest (mantissa exponent num den : Z) : Z :=
  Z.min most (round (dividend mantissa exponent den) (divisor exponent num)).

(** A double: its sign bit, and its size as mantissa * 2^exponent. *)
Inductive number := NaN | Infinite (negative : bool) | Finite (negative : bool) (mantissa exponent : Z).

(** The bounds of one value in steps, and what a step is worth: num / den. *)
Record grid := Grid { lower : Z; upper : Z; num : Z; den : Z }.

Definition signed (negative : bool) (x : Z) : Z := if negative then - x else x.

Definition steps (g : grid) (x : number) : Z :=
  match x with
  | NaN => lower g
  | Infinite negative => signed negative most
  | Finite negative mantissa exponent => signed negative (nearest mantissa exponent (num g) (den g))
  end.

(** mantissa * 2^exponent with an odd mantissa, unless it is zero: [decompose]. *)
Fixpoint odd_part (mantissa : positive) (exponent : Z) : Z * Z :=
  match mantissa with
  | xO half => odd_part half (exponent + 1)
  | odd => (Zpos odd, exponent)
  end.

Definition decompose (mantissa exponent : Z) : Z * Z :=
  match mantissa with Zpos m => odd_part m exponent | _ => (0, 0) end.

(** What 64 bits stand for, as IEEE 754 has it. *)
Definition decode (bits : Z) : number :=
  let negative := Z.odd (bits / 2 ^ 63) in
  let biased := bits / 2 ^ 52 mod 2 ^ 11 in
  let fraction := bits mod 2 ^ 52 in
  let finite mantissa exponent :=
    let (mantissa, exponent) := decompose mantissa exponent in Finite negative mantissa exponent in
  if biased =? 2047 then if fraction =? 0 then Infinite negative else NaN
  else if biased =? 0 then finite fraction (-1074)
  else finite (fraction + 2 ^ 52) (biased - 1075).

Lemma odd_part_spec : forall p exponent, let (m, e) := odd_part p exponent in
  0 < m <= Zpos p /\ Z.odd m = true /\ exponent <= e /\ Zpos p = m * 2 ^ (e - exponent).
Proof.
  induction p as [p _ | p IH |]; intros e0; cbn [odd_part].
  - rewrite Z.sub_diag, Z.mul_1_r. repeat split; lia.
  - specialize (IH (e0 + 1)). destruct (odd_part p (e0 + 1)) as [m e]. destruct IH as [B [O [L E]]].
    replace (e - e0) with (Z.succ (e - (e0 + 1))) by lia. rewrite Z.pow_succ_r by lia.
    change (Zpos p~0) with (2 * Zpos p). repeat split; trivial; lia.
  - rewrite Z.sub_diag. repeat split; lia.
Qed.

Theorem decompose_keeps_the_value : forall mantissa exponent, 0 < mantissa ->
  let (m, e) := decompose mantissa exponent in
  0 < m <= mantissa /\ Z.odd m = true /\ exponent <= e /\ mantissa = m * 2 ^ (e - exponent).
Proof. intros [| p | p] exponent H; [lia | apply odd_part_spec | lia]. Qed.

Theorem decode_fits : forall bits negative mantissa exponent,
  decode bits = Finite negative mantissa exponent -> 0 <= mantissa < 2 ^ 53 /\ (mantissa = 0 -> exponent = 0).
Proof.
  intros bits s m e. unfold decode.
  assert (P : 2 ^ 53 = 2 * 2 ^ 52) by reflexivity.
  pose proof (Z.mod_pos_bound bits (2 ^ 52) ltac:(reflexivity)) as F. set (fraction := bits mod 2 ^ 52) in *.
  assert (G : forall mantissa exponent, 0 <= mantissa < 2 ^ 53 ->
    (let (m', e') := decompose mantissa exponent in Finite (Z.odd (bits / 2 ^ 63)) m' e') = Finite s m e ->
    0 <= m < 2 ^ 53 /\ (m = 0 -> e = 0)).
  { intros m0 e0 H. destruct (Z.eq_dec m0 0) as [-> |].
    - cbn [decompose]. intros E. injection E as _ <- <-. split; [lia | trivial].
    - pose proof (decompose_keeps_the_value m0 e0 ltac:(lia)) as D.
      destruct (decompose m0 e0) as [m' e']. intros E. injection E as _ <- <-. lia. }
  destruct (_ =? 2047); [destruct (fraction =? 0); discriminate |].
  destruct (_ =? 0); apply G; lia.
Qed.

Lemma round_unfolded : forall a b, round a b =
  if (b <? 2 * (a mod b)) || ((2 * (a mod b) =? b) && Z.odd (a / b)) then a / b + 1 else a / b.
Proof. intros. unfold round, Z.div, Z.modulo. now destruct (Z.div_eucl a b). Qed.

Theorem round_is_nearest : forall a b, 0 < b -> Z.abs (2 * (a - round a b * b)) <= b.
Proof.
  intros a b Hb. rewrite round_unfolded.
  pose proof (Z.div_mod a b ltac:(lia)). pose proof (Z.mod_pos_bound a b Hb).
  destruct (Z.ltb_spec b (2 * (a mod b))); destruct (Z.eqb_spec (2 * (a mod b)) b);
    destruct (Z.odd (a / b)); cbn [orb andb]; lia.
Qed.

Theorem round_ties_to_even : forall a b, 0 < b -> Z.abs (2 * (a - round a b * b)) = b -> Z.Even (round a b).
Proof.
  intros a b Hb. rewrite <- Z.even_spec, round_unfolded.
  pose proof (Z.div_mod a b ltac:(lia)). pose proof (Z.mod_pos_bound a b Hb).
  rewrite <- Z.negb_odd.
  destruct (Z.ltb_spec b (2 * (a mod b))); destruct (Z.eqb_spec (2 * (a mod b)) b);
    destruct (Z.odd (a / b)) eqn:E; cbn [orb andb]; try lia; rewrite ?Z.odd_add, ?E; trivial.
Qed.

(** Nothing else is nearest with ties to even, so the two theorems before say all of [round]. *)
Theorem round_is_unique : forall a b q, 0 < b ->
  Z.abs (2 * (a - q * b)) <= b -> (Z.abs (2 * (a - q * b)) = b -> Z.Even q) -> q = round a b.
Proof.
  intros a b q Hb Hn He.
  pose proof (round_is_nearest a b Hb) as Rn. pose proof (round_ties_to_even a b Hb) as Re.
  set (p := round a b) in *. clearbody p.
  assert (D : Z.abs ((p - q) * b) <= b) by lia.
  assert (p = q \/ p = q + 1 \/ p = q - 1) as [H | H] by nia; [lia |].
  assert (Z.Even p /\ Z.Even q) as [[i ->] [j ->]] by (split; [apply Re | apply He]; destruct H; subst; nia).
  lia.
Qed.

Lemma divisor_pos : forall exponent num, 0 < num -> 0 < divisor exponent num.
Proof. intros. unfold divisor. apply Z.mul_pos_pos; [lia | apply Z.pow_pos_nonneg; lia]. Qed.

Lemma round_nonneg : forall a b, 0 <= a -> 0 < b -> 0 <= round a b.
Proof.
  intros. rewrite round_unfolded. pose proof (Z.div_pos a b ltac:(lia) ltac:(lia)).
  destruct (_ || _); lia.
Qed.

(** Up to the cap, [nearest] is the step nearest to the double's own value, ties to even. *)
Theorem nearest_is_nearest : forall mantissa exponent num den,
  0 <= mantissa -> 0 < num -> 0 < den ->
  let a := dividend mantissa exponent den in
  let b := divisor exponent num in
  let q := nearest mantissa exponent num den in
  0 <= q <= most /\
  (q < most -> Z.abs (2 * (a - q * b)) <= b /\ (Z.abs (2 * (a - q * b)) = b -> Z.Even q)) /\
  (q = most -> (2 * most - 1) * b <= 2 * a).
Proof.
  intros mantissa exponent num den Hm Hn Hd a b q.
  assert (Hb : 0 < b) by (apply divisor_pos; lia).
  assert (Ha : 0 <= a) by (unfold a, dividend; apply Z.mul_nonneg_nonneg; [nia | apply Z.pow_nonneg; lia]).
  pose proof (round_is_nearest a b Hb) as R. pose proof (round_ties_to_even a b Hb) as T.
  pose proof (round_nonneg a b Ha Hb).
  assert (Q : q = Z.min most (round a b)) by reflexivity.
  assert (0 <= most) by discriminate.
  split; [lia |]. split.
  - intros. replace q with (round a b) by lia. now split.
  - intros E. assert (most <= round a b) by lia. nia.
Qed.

(** The one-word path of the Rust: [nearest], with its shortcuts for large shifts. *)
Definition leading_zeros (x : Z) : Z := 128 - (if x =? 0 then 0 else Z.log2 x + 1).

Definition divide (dividend divisor : Z) : Z :=
  let quotient := dividend / divisor in
  let rest := dividend mod divisor in
  let up := (divisor - rest <? rest) || ((rest =? divisor - rest) && Z.odd quotient) in
  Z.min most (quotient + if up then 1 else 0).

Definition nearest_words (mantissa exponent num den : Z) : Z :=
  let dividend := mantissa * den in
  if 0 <=? exponent then
    if leading_zeros dividend <? exponent then most else divide (dividend * 2 ^ exponent) num
  else
    if leading_zeros num <? - exponent then 0 else divide dividend (num * 2 ^ (- exponent)).

Lemma divide_round : forall a b, divide a b = Z.min most (round a b).
Proof.
  intros. unfold divide. rewrite round_unfolded. f_equal.
  set (r := a mod b).
  replace (b - r <? r) with (b <? 2 * r) by (destruct (Z.ltb_spec b (2 * r)), (Z.ltb_spec (b - r) r); lia).
  replace (r =? b - r) with (2 * r =? b) by (destruct (Z.eqb_spec (2 * r) b), (Z.eqb_spec r (b - r)); lia).
  destruct (_ || _); lia.
Qed.

Lemma leading_zeros_shift : forall x e, 0 < x -> 0 <= e ->
  if leading_zeros x <? e then 2 ^ 128 <= x * 2 ^ e else x < 2 ^ 128 -> x * 2 ^ e < 2 ^ 128.
Proof.
  intros x e Hx He. unfold leading_zeros. destruct (Z.eqb_spec x 0); [lia |].
  destruct (Z.log2_spec x Hx) as [L U]. pose proof (Z.log2_nonneg x).
  destruct (Z.ltb_spec (128 - (Z.log2 x + 1)) e).
  - apply Z.le_trans with (2 ^ (Z.log2 x + e)); [apply Z.pow_le_mono_r; lia |].
    rewrite Z.pow_add_r by lia. apply Z.mul_le_mono_nonneg_r; [apply Z.pow_nonneg; lia | lia].
  - intros _. apply Z.lt_le_trans with (2 ^ (Z.succ (Z.log2 x) + e)).
    + rewrite Z.pow_add_r by lia. apply Z.mul_lt_mono_pos_r; [apply Z.pow_pos_nonneg; lia | lia].
    + apply Z.pow_le_mono_r; lia.
Qed.

(** The shortcuts change nothing, and what they let through fits 128 bits. *)
Theorem nearest_words_is_nearest : forall mantissa exponent num den,
  0 <= mantissa < 2 ^ 53 -> (mantissa = 0 -> exponent = 0) -> 0 < num < 2 ^ 64 -> 0 < den < 2 ^ 64 ->
  nearest_words mantissa exponent num den = nearest mantissa exponent num den.
Proof.
  intros m e n d Hm Hz Hn Hd. unfold nearest_words, nearest, dividend, divisor.
  assert (P64 : most = 2 ^ 64) by reflexivity. assert (Hmd : 0 <= m * d < 2 ^ 117) by nia.
  assert (P118 : 2 * 2 ^ 117 <= 2 ^ 128) by (vm_compute; discriminate).
  destruct (Z.leb_spec 0 e).
  - rewrite (Z.max_r 0 e), (Z.max_l 0 (- e)), Z.mul_1_r by lia.
    destruct (Z.ltb_spec (leading_zeros (m * d)) e); [| apply divide_round].
    destruct (Z.eq_dec m 0) as [-> | Hm0].
    { rewrite Hz in * by lia. change (leading_zeros (0 * d)) with 128 in *. lia. }
    pose proof (leading_zeros_shift (m * d) e ltac:(nia) ltac:(lia)) as L.
    destruct (Z.ltb_spec (leading_zeros (m * d)) e); [| lia].
    set (a := m * d * 2 ^ e) in *. clearbody a.
    pose proof (round_is_nearest a n ltac:(lia)) as R.
    assert (P128 : 2 ^ 128 = 2 ^ 64 * 2 ^ 64) by reflexivity.
    assert (most <= round a n); [| lia].
    rewrite P64. set (q := round a n) in *. clearbody q.
    destruct (Z.le_gt_cases (2 ^ 64) q); [assumption | exfalso]. nia.
  - rewrite (Z.max_l 0 e), (Z.max_r 0 (- e)), Z.mul_1_r by lia.
    destruct (Z.ltb_spec (leading_zeros n) (- e)); [| apply divide_round].
    pose proof (leading_zeros_shift n (- e) ltac:(lia) ltac:(lia)) as L.
    destruct (Z.ltb_spec (leading_zeros n) (- e)); [| lia].
    set (b := n * 2 ^ (- e)) in *. clearbody b. rewrite round_unfolded.
    rewrite Z.div_small, Z.mod_small by lia.
    destruct (Z.ltb_spec b (2 * (m * d))); [lia |].
    destruct (Z.eqb_spec (2 * (m * d)) b); [lia |]. cbn [orb andb]. rewrite Z.min_r; [reflexivity | discriminate].
Qed.

Theorem nearest_words_fit : forall mantissa exponent num den,
  0 <= mantissa < 2 ^ 53 -> (mantissa = 0 -> exponent = 0) -> 0 < num < 2 ^ 64 -> 0 < den < 2 ^ 64 ->
  mantissa * den < 2 ^ 128 /\
  (0 <= exponent <= leading_zeros (mantissa * den) -> mantissa * den * 2 ^ exponent < 2 ^ 128) /\
  (0 <= - exponent <= leading_zeros num -> num * 2 ^ (- exponent) < 2 ^ 128).
Proof.
  intros m e n d Hm Hz Hn Hd.
  assert (Hmd : 0 <= m * d < 2 ^ 128) by (assert (m * d < 2 ^ 117) by nia; lia).
  repeat split; try lia; intros He.
  - destruct (Z.eq_dec m 0) as [-> | Hm0]; [lia |].
    pose proof (leading_zeros_shift (m * d) e ltac:(nia) ltac:(lia)) as L.
    destruct (Z.ltb_spec (leading_zeros (m * d)) e); lia.
  - pose proof (leading_zeros_shift n (- e) ltac:(lia) ltac:(lia)) as L.
    destruct (Z.ltb_spec (leading_zeros n) (- e)); lia.
Qed.

(** "Each number is at most 2^64 steps." *)
Theorem steps_bounded : forall g x,
  0 < num g -> 0 < den g -> Z.abs (lower g) <= most ->
  (forall negative mantissa exponent, x = Finite negative mantissa exponent -> 0 <= mantissa) ->
  Z.abs (steps g x) <= most.
Proof.
  intros g x Hn Hd Hl Hx. assert (0 < most) by reflexivity. destruct x as [| s | s m e]; unfold steps, signed.
  - assumption.
  - destruct s; lia.
  - destruct (nearest_is_nearest m e (num g) (den g)) as [B _]; eauto.
    destruct s; lia.
Qed.

(** * From an answer to contributions: [Grain::push], [Grain::finish] *)

(** An output of the plan. Groups are 0, 1, ... below [groups]. *)
Record output := Output { index : nat; groups : nat; max_groups : nat; grids : list grid }.

(** An item of an answer: any output, any key, any numbers. [None] is a key of another shape. *)
Record item := Item { of_output : nat; key : option Z; numbers : list number }.

(** A group that was named, and the sums of its values so far. *)
Definition entry := (nat * list Z)%type.

Definition index_of (o : output) (key : option Z) : option nat :=
  match key with
  | Some k => if (0 <=? k) && (k <? Z.of_nat (groups o)) then Some (Z.to_nat k) else None
  | None => None
  end.

Definition zip {A B C} (f : A -> B -> C) (xs : list A) (ys : list B) : list C :=
  map (fun xy => f (fst xy) (snd xy)) (combine xs ys).

(** The addition of i128 that stops at its ends. *)
Definition saturating_add (a b : Z) : Z := Z.max (- 2 ^ 127) (Z.min (2 ^ 127 - 1) (a + b)).

Definition clamp (g : grid) (x : Z) : Z := Z.max (lower g) (Z.min (upper g) x).

Section Host.
  (** The proof asks nothing of how a number becomes steps, nor of how steps are added. *)
  Variable quantise : grid -> number -> Z.
  Variable plus : Z -> Z -> Z.

  Definition named (group : nat) (entries : list entry) : bool :=
    existsb (fun entry => Nat.eqb group (fst entry)) entries.

  Definition add (group : nat) (more : list Z) (entries : list entry) : list entry :=
    map (fun entry => if Nat.eqb group (fst entry) then (fst entry, zip plus (snd entry) more) else entry) entries.

  Definition push (o : output) (entries : list entry) (i : item) : list entry :=
    if negb (Nat.eqb (of_output i) (index o)) then entries
    else if negb (Nat.eqb (length (numbers i)) (length (grids o))) then entries
    else match index_of o (key i) with
      | None => entries
      | Some group =>
        let more := zip quantise (grids o) (numbers i) in
        if named group entries then add group more entries
        else if (max_groups o <=? length entries)%nat then entries
        else add group more (entries ++ [(group, repeat 0 (length (grids o)))])
      end.

  Definition finish (o : output) (entries : list entry) : list entry :=
    map (fun entry => (fst entry, zip clamp (grids o) (snd entry))) entries.

  Definition contributions (o : output) (answer : list item) : list entry :=
    finish o (fold_left (push o) answer []).

  (** Of value number [j] of the output: which groups got which number of steps. *)
  Definition of_value (j : nat) (entries : list entry) : list (nat * Z) :=
    map (fun entry => (fst entry, nth j (snd entry) 0)) entries.

  Lemma zip_length : forall A B C (f : A -> B -> C) xs ys, length xs = length ys -> length (zip f xs ys) = length xs.
  Proof. intros. unfold zip. rewrite map_length, combine_length. lia. Qed.

  Lemma add_groups : forall group more entries, map fst (add group more entries) = map fst entries.
  Proof.
    intros. unfold add. rewrite map_map. apply map_ext. intros [h sums]. cbn. now destruct (Nat.eqb group h).
  Qed.

  Lemma named_spec : forall group entries, named group entries = false -> ~ In group (map fst entries).
  Proof.
    intros group entries H I. apply in_map_iff in I as [[h sums] [<- I]].
    unfold named in H. rewrite <- not_true_iff_false, existsb_exists in H. apply H.
    exists (h, sums). split; [assumption | apply Nat.eqb_refl].
  Qed.

  Lemma nodup_snoc : forall (x : nat) xs, NoDup xs -> ~ In x xs -> NoDup (xs ++ [x]).
  Proof.
    intros x xs N. induction N as [| y ys Hy N IH]; cbn; intros H; constructor; auto; try constructor.
    intros I. apply in_app_iff in I as [| [-> | []]]; tauto.
  Qed.

  (** What holds of the entries after every item. *)
  Definition fits (o : output) (entry : entry) : Prop :=
    (fst entry < groups o)%nat /\ length (snd entry) = length (grids o).

  Definition kept (o : output) (entries : list entry) : Prop :=
    NoDup (map fst entries) /\ (length entries <= max_groups o)%nat /\ Forall (fits o) entries.

  Lemma add_kept : forall o group more entries,
    kept o entries -> length more = length (grids o) -> kept o (add group more entries).
  Proof.
    intros o group more entries [N [L F]] Hm. repeat split.
    - now rewrite add_groups.
    - unfold add. now rewrite map_length.
    - unfold add. rewrite Forall_map. eapply Forall_impl; [| exact F]. intros [h sums] [Hg Hl]. cbn [fst snd] in *.
      destruct (Nat.eqb group h); split; cbn [fst snd]; trivial. rewrite zip_length; lia.
  Qed.

  Lemma push_kept : forall o entries i, kept o entries -> kept o (push o entries i).
  Proof.
    intros o entries i K. unfold push.
    destruct (negb _); [assumption |].
    destruct (Nat.eqb_spec (length (numbers i)) (length (grids o))) as [Hs | ?]; cbn [negb]; [| assumption].
    destruct (index_of o (key i)) as [group |] eqn:Hg; [| assumption].
    assert (Hr : (group < groups o)%nat).
    { unfold index_of in Hg. destruct (key i) as [k |]; [| discriminate].
      destruct (Z.leb_spec 0 k), (Z.ltb_spec k (Z.of_nat (groups o))); cbn in Hg; try discriminate.
      injection Hg as <-. lia. }
    assert (Hz : length (zip quantise (grids o) (numbers i)) = length (grids o)) by (apply zip_length; lia).
    destruct (named group entries) eqn:Hn; [now apply add_kept |].
    destruct (Nat.leb_spec (max_groups o) (length entries)); [assumption |].
    apply add_kept; [| assumption]. destruct K as [N [L F]]. repeat split.
    - rewrite map_app. apply nodup_snoc; [assumption | now apply named_spec].
    - rewrite app_length. cbn. lia.
    - apply Forall_app. split; [assumption |]. repeat constructor; cbn; [assumption | apply repeat_length].
  Qed.

  Lemma answer_kept : forall o answer entries, kept o entries -> kept o (fold_left (push o) answer entries).
  Proof. intros o answer. induction answer; cbn; intros; [assumption | now apply IHanswer, push_kept]. Qed.

  Lemma zip_nth : forall gs sums j g,
    length sums = length gs -> nth_error gs j = Some g -> nth j (zip clamp gs sums) 0 = clamp g (nth j sums 0).
  Proof.
    induction gs as [| h gs IH]; intros [| s sums] [| j] g; cbn; intros Hl Hg; try discriminate.
    - now injection Hg as ->.
    - apply IH; [lia | assumption].
  Qed.

  (** Lemma 1. Whatever a grain answers, what the host counts for a value is a partial function from
      the domain's groups to integers in [lower, upper], defined on at most [max_groups] groups. *)
  Theorem every_answer_is_bounded : forall o answer j g,
    nth_error (grids o) j = Some g -> lower g <= upper g ->
    let counted := of_value j (contributions o answer) in
    NoDup (map fst counted) /\
    (length counted <= max_groups o)%nat /\
    forall group steps, In (group, steps) counted -> (group < groups o)%nat /\ lower g <= steps <= upper g.
  Proof.
    intros o answer j g Hg Hb counted.
    assert (K : kept o (fold_left (push o) answer []))
      by (apply answer_kept; repeat split; cbn; [constructor | lia | constructor]).
    destruct K as [N [L F]]. unfold counted, of_value, contributions, finish. repeat split.
    - rewrite !map_map. cbn. assumption.
    - now rewrite !map_length.
    - rewrite map_map in H. apply in_map_iff in H as [[h sums] [E I]]. cbn in E. injection E as <- _.
      rewrite Forall_forall in F. now destruct (F _ I).
    - rewrite map_map in H. apply in_map_iff in H as [[h sums] [E I]]. cbn in E. injection E as _ <-.
      rewrite Forall_forall in F. destruct (F _ I) as [_ Hl]. cbn in Hl.
      rewrite (zip_nth _ _ _ g) by assumption. unfold clamp. lia.
    - rewrite map_map in H. apply in_map_iff in H as [[h sums] [E I]]. cbn in E. injection E as _ <-.
      rewrite Forall_forall in F. destruct (F _ I) as [_ Hl]. cbn in Hl.
      rewrite (zip_nth _ _ _ g) by assumption. unfold clamp. lia.
  Qed.

  (** Where outputs are several, an item of one does not touch the other. *)
  Theorem outputs_are_apart : forall o answer i,
    of_output i <> index o -> contributions o (answer ++ [i]) = contributions o answer.
  Proof.
    intros o answer i H. unfold contributions. rewrite fold_left_app. cbn. unfold push at 1.
    destruct (Nat.eqb_spec (of_output i) (index o)); [tauto | reflexivity].
  Qed.
End Host.

(** * Saturation never shows *)

Definition sums_within (most : Z) (entries : list entry) : Prop :=
  Forall (fun entry => Forall (fun sum => Z.abs sum <= most) (snd entry)) entries.

Lemma zip_plus_same : forall sums more k,
  Forall (fun sum => Z.abs sum <= k) sums -> Forall (fun x => Z.abs x <= most) more -> k + most < 2 ^ 127 ->
  zip saturating_add sums more = zip Z.add sums more /\
  Forall (fun sum => Z.abs sum <= k + most) (zip Z.add sums more).
Proof.
  intros sums more k Hs. revert more. induction Hs as [| s sums Hs Hss IH]; intros more Hm Hk.
  - split; [reflexivity | constructor].
  - destruct Hm as [| x more Hx Hm]; [split; [reflexivity | constructor] |].
    destruct (IH more Hm Hk) as [E F]. unfold zip in *. cbn [combine map fst snd]. split.
    + f_equal; [unfold saturating_add; lia | assumption].
    + constructor; [lia | assumption].
Qed.

Lemma add_same : forall group more entries k,
  sums_within k entries -> Forall (fun x => Z.abs x <= most) more -> k + most < 2 ^ 127 -> 0 <= k ->
  add saturating_add group more entries = add Z.add group more entries /\
  sums_within (k + most) (add Z.add group more entries).
Proof.
  intros group more entries k S Hm Hk H0. assert (0 <= most) by discriminate.
  induction S as [| [h sums] entries Hs S IH]; [split; [reflexivity | constructor] |].
  unfold add in *. cbn [map fst snd] in *. destruct IH as [E F].
  destruct (zip_plus_same sums more k Hs Hm Hk) as [E1 F1].
  destruct (Nat.eqb group h).
  - rewrite E1. split; [f_equal; exact E | constructor; assumption].
  - split; [f_equal; exact E |]. constructor; [| exact F]. cbn. eapply Forall_impl; [| exact Hs]. cbn. lia.
Qed.

(** "So 2^62 items could not overflow the sum": with so many, the sums are the true ones. *)
Theorem saturation_never_shows : forall quantise o answer,
  (forall g x, In g (grids o) -> Z.abs (quantise g x) <= most) -> Z.of_nat (length answer) <= 2 ^ 62 ->
  contributions quantise saturating_add o answer = contributions quantise Z.add o answer.
Proof.
  intros quantise o answer Hq Hl. unfold contributions. f_equal.
  assert (G : forall answer entries k, sums_within (k * most) entries -> 0 <= k ->
    k + Z.of_nat (length answer) <= 2 ^ 62 ->
    fold_left (push quantise saturating_add o) answer entries = fold_left (push quantise Z.add o) answer entries).
  { clear Hl answer. induction answer as [| i answer IH]; intros entries k S H0 Hk; [reflexivity |].
    cbn [fold_left length] in *.
    assert (P : push quantise saturating_add o entries i = push quantise Z.add o entries i /\
                sums_within ((k + 1) * most) (push quantise Z.add o entries i)).
    { assert (Hm : most = 2 ^ 64) by reflexivity.
      assert (Hk' : k * most + most < 2 ^ 127) by (rewrite Hm; lia).
      assert (H0' : 0 <= k * most) by lia.
      assert (W : sums_within ((k + 1) * most) entries).
      { eapply Forall_impl; [| exact S]. intros e He. eapply Forall_impl; [| exact He]. cbn. lia. }
      unfold push. destruct (negb _); [split; trivial |]. destruct (negb _); [split; trivial |].
      destruct (index_of o (key i)) as [group |]; [| split; trivial].
      assert (Hz : Forall (fun x => Z.abs x <= most) (zip quantise (grids o) (numbers i))).
      { unfold zip. rewrite Forall_map, Forall_forall. intros [g x] I. cbn. apply Hq. eapply in_combine_l; eauto. }
      replace ((k + 1) * most) with (k * most + most) by lia.
      destruct (named group entries); [now apply add_same |].
      destruct (max_groups o <=? length entries)%nat;
        [split; trivial; now replace (k * most + most) with ((k + 1) * most) by lia |].
      apply add_same; trivial. apply Forall_app. split; [assumption |]. constructor; [| constructor].
      cbn. apply Forall_forall. intros x I. apply repeat_spec in I. subst. cbn. lia. }
    destruct P as [-> W]. apply (IH _ (k + 1)); [assumption | lia | lia]. }
  apply (G answer [] 0); [constructor | lia | lia].
Qed.

(** The host, as it is. *)
Definition host (o : output) (answer : list item) : list entry := contributions steps saturating_add o answer.
