(** How far one unit can move the totals: Lemma 2 of docs/privacy-model.md.

    The Rust is [Sensitivity::new] in policies/src/plan.rs; names here are the names there. *)

From Coq Require Import ZArith List Bool Lia.
From Unseen Require Import Clamp.
Import ListNotations.
Open Scope Z_scope.

(** * The formula *)

Inductive grain := Unit | Blocks.

Record sensitivity := Sensitivity { l1 : Z; l2_squared : Z }.

(** Pairs (s, u): so many groups in both answers, so many in one of them. *)
Definition corners (g : grain) (n m : Z) : list (Z * Z) :=
  match g with
  | Unit => [(0, m)]
  | Blocks => if 2 * m <=? n then [(m, 0); (0, 2 * m)] else [(m, 0); (0, n); (2 * m - n, 2 * (n - m))]
  end.

Definition largest (corners : list (Z * Z)) (shared single : Z) : Z :=
  fold_right Z.max 0 (map (fun su => fst su * shared + snd su * single) corners).

Definition sensitivity_of (g : grain) (groups max_groups lower upper : Z) : sensitivity :=
  let peak := Z.max (Z.abs lower) (Z.abs upper) in
  let width := upper - lower in
  let n := groups in
  let m := Z.min max_groups groups in
  Sensitivity (largest (corners g n m) width peak) (largest (corners g n m) (width * width) (peak * peak)).

(** * Totals and how they change *)

(** What the host counts of one grain, for one value: a partial function. *)
Definition answer := nat -> option Z.

Fixpoint sum (n : nat) (f : nat -> Z) : Z :=
  match n with O => 0 | S k => sum k f + f k end.

Definition defined (a : answer) (group : nat) : Z := match a group with Some _ => 1 | None => 0 end.

(** Undefined counts as 0. *)
Definition counted (a : answer) (group : nat) : Z := match a group with Some steps => steps | None => 0 end.

(** The set of answers that Lemma 1 leaves: [n] groups, at most [m] of them, steps in [lower, upper]. *)
Definition bounded (n : nat) (m lower upper : Z) (a : answer) : Prop :=
  sum n (defined a) <= m /\ forall group steps, (group < n)%nat -> a group = Some steps -> lower <= steps <= upper.

Definition total (answers : list answer) (group : nat) : Z :=
  fold_right (fun a t => counted a group + t) 0 answers.

Definition change_l1 (n : nat) (x y : nat -> Z) : Z := sum n (fun group => Z.abs (x group - y group)).
Definition change_l2_squared (n : nat) (x y : nat -> Z) : Z :=
  sum n (fun group => (x group - y group) * (x group - y group)).

(** * Sums *)

Lemma sum_le : forall n f h, (forall k, (k < n)%nat -> f k <= h k) -> sum n f <= sum n h.
Proof.
  induction n as [| n IH]; cbn; intros f h H; [lia |].
  specialize (IH f h ltac:(intros; apply H; lia)). specialize (H n ltac:(lia)). lia.
Qed.

Lemma sum_ext : forall n f h, (forall k, (k < n)%nat -> f k = h k) -> sum n f = sum n h.
Proof.
  induction n as [| n IH]; cbn; intros f h H; [reflexivity |].
  rewrite (H n) by lia. rewrite (IH f h); [reflexivity | intros; apply H; lia].
Qed.

Lemma sum_linear : forall n f h a b, sum n (fun k => f k * a + h k * b) = sum n f * a + sum n h * b.
Proof. induction n as [| n IH]; cbn; intros; [reflexivity | rewrite IH; ring]. Qed.

Lemma sum_plus : forall n f h, sum n (fun k => f k + h k) = sum n f + sum n h.
Proof. induction n as [| n IH]; cbn; intros; [reflexivity | rewrite IH; ring]. Qed.

Lemma sum_const : forall n c, sum n (fun _ => c) = Z.of_nat n * c.
Proof. induction n as [| n IH]; intros; cbn [sum]; [reflexivity | rewrite IH; lia]. Qed.

Definition below (k : Z) (group : nat) : Z := if Z.of_nat group <? k then 1 else 0.

Lemma sum_below : forall n k, 0 <= k -> sum n (below k) = Z.min (Z.of_nat n) k.
Proof.
  induction n as [| n IH]; intros k Hk; cbn [sum]; [lia |].
  rewrite IH by assumption. unfold below. destruct (Z.ltb_spec (Z.of_nat n) k); lia.
Qed.

Lemma total_cons : forall x xs group, total (x :: xs) group = counted x group + total xs group.
Proof. reflexivity. Qed.

Lemma total_app : forall xs ys group, total (xs ++ ys) group = total xs group + total ys group.
Proof.
  induction xs as [| x xs IH]; intros; [reflexivity |].
  change ((x :: xs) ++ ys) with (x :: (xs ++ ys)). rewrite !total_cons, IH. ring.
Qed.

(** * The polygon *)

Lemma largest_at_least : forall cs shared single s u,
  In (s, u) cs -> s * shared + u * single <= largest cs shared single.
Proof.
  induction cs as [| [s' u'] cs IH]; cbn; intros shared single s u H; [tauto |].
  destruct H as [E | H]; [injection E as -> -> | specialize (IH shared single s u H); unfold largest in IH]; lia.
Qed.

Lemma largest_attained : forall cs shared single,
  cs <> [] -> (forall s u, In (s, u) cs -> 0 <= s * shared + u * single) ->
  exists s u, In (s, u) cs /\ largest cs shared single = s * shared + u * single.
Proof.
  induction cs as [| [s u] cs IH]; intros shared single N P; [tauto |].
  destruct cs as [| su cs].
  - exists s, u. split; [now left |]. specialize (P s u (or_introl eq_refl)). cbn. lia.
  - destruct (IH shared single) as [s' [u' [I E]]]; [discriminate | intros; apply P; now right |].
    unfold largest in *. cbn [map fold_right fst snd] in *. rewrite E.
    destruct (Z.max_spec (s * shared + u * single) (s' * shared + u' * single)) as [[_ ->] | [_ ->]];
      [exists s', u' | exists s, u]; split; trivial; [now right | now left].
Qed.

(** A linear function on the polygon is largest at a corner. *)
Lemma polygon : forall n m s u shared single,
  0 <= s -> 0 <= u -> s + u <= n -> 2 * s + u <= 2 * m -> 0 <= shared -> 0 <= single ->
  s * shared + u * single <= largest (corners Blocks n m) shared single.
Proof.
  intros n m s u a b Hs Hu Hn Hm Ha Hb.
  assert (C : forall s' u', In (s', u') (corners Blocks n m) -> s' * a + u' * b <= largest (corners Blocks n m) a b)
    by (intros; now apply largest_at_least).
  unfold corners in *. destruct (Z.leb_spec (2 * m) n).
  - pose proof (C m 0 ltac:(cbn; tauto)). pose proof (C 0 (2 * m) ltac:(cbn; tauto)).
    set (l := largest _ _ _) in *. clearbody l. destruct (Z.le_gt_cases (2 * b) a); nia.
  - pose proof (C m 0 ltac:(cbn; tauto)). pose proof (C 0 n ltac:(cbn; tauto)).
    pose proof (C (2 * m - n) (2 * (n - m)) ltac:(cbn; tauto)).
    set (l := largest _ _ _) in *. clearbody l.
    destruct (Z.le_gt_cases (2 * b) a) as [L | L]; [nia |].
    destruct (Z.le_gt_cases a b) as [L' | L']; [nia |].
    assert (s * a + u * b = (a - b) * (2 * s + u) + (2 * b - a) * (s + u)) by ring.
    assert ((2 * m - n) * a + 2 * (n - m) * b = (a - b) * (2 * m) + (2 * b - a) * n) by ring.
    assert ((a - b) * (2 * s + u) <= (a - b) * (2 * m)) by (apply Z.mul_le_mono_nonneg_l; lia).
    assert ((2 * b - a) * (s + u) <= (2 * b - a) * n) by (apply Z.mul_le_mono_nonneg_l; lia). lia.
Qed.

(** * Lemma 2, upper bounds *)

Definition both (a b : answer) (group : nat) : Z := defined a group * defined b group.
Definition single (a b : answer) (group : nat) : Z :=
  defined a group + defined b group - 2 * both a b group.

Lemma defined_01 : forall a group, defined a group = 0 \/ defined a group = 1.
Proof. intros. unfold defined. destruct (a group); tauto. Qed.

Lemma defined_groups : forall n a, 0 <= sum n (defined a) <= Z.of_nat n.
Proof.
  intros. assert (E : forall c, sum n (fun _ => c) = Z.of_nat n * c) by (intros; apply sum_const). split.
  - rewrite <- (Z.mul_0_r (Z.of_nat n)), <- E. apply sum_le. intros k _. destruct (defined_01 a k); lia.
  - rewrite <- (Z.mul_1_r (Z.of_nat n)), <- E. apply sum_le. intros k _. destruct (defined_01 a k); lia.
Qed.

Lemma counts_in_polygon : forall n m lower upper a b,
  bounded n m lower upper a -> bounded n m lower upper b ->
  let s := sum n (both a b) in
  let u := sum n (single a b) in
  0 <= s /\ 0 <= u /\ s + u <= Z.of_nat n /\ 2 * s + u <= 2 * Z.min m (Z.of_nat n).
Proof.
  intros n m lower upper a b [Ca _] [Cb _] s u.
  assert (B : forall k, 0 <= both a b k /\ 0 <= single a b k /\ both a b k + single a b k <= 1).
  { intros k. unfold single, both. destruct (defined_01 a k) as [-> | ->], (defined_01 b k) as [-> | ->]; lia. }
  assert (E : s * 2 + u * 1 = sum n (defined a) + sum n (defined b)).
  { unfold s, u. rewrite <- sum_linear, <- sum_plus. apply sum_ext. intros. unfold single. lia. }
  pose proof (defined_groups n a). pose proof (defined_groups n b).
  repeat split.
  - unfold s. rewrite <- (Z.mul_0_r (Z.of_nat n)), <- sum_const. apply sum_le. intros k _. destruct (B k); lia.
  - unfold u. rewrite <- (Z.mul_0_r (Z.of_nat n)), <- sum_const. apply sum_le. intros k _. destruct (B k); lia.
  - unfold s, u. rewrite <- sum_plus, <- (Z.mul_1_r (Z.of_nat n)), <- sum_const. apply sum_le.
    intros k _. destruct (B k); lia.
  - lia.
Qed.

(** One group moves by at most d if both answers have it, by at most M if one of them has. *)
Lemma one_group : forall n m lower upper a b group,
  bounded n m lower upper a -> bounded n m lower upper b -> lower <= upper -> (group < n)%nat ->
  let d := upper - lower in
  let M := Z.max (Z.abs lower) (Z.abs upper) in
  let x := counted a group - counted b group in
  Z.abs x <= both a b group * d + single a b group * M /\
  x * x <= both a b group * (d * d) + single a b group * (M * M).
Proof.
  intros n m lower upper a b group [_ Ba] [_ Bb] Hl Hg d M x.
  specialize (Ba group). specialize (Bb group).
  unfold x, both, single, both, defined, counted.
  assert (Q : forall y c, Z.abs y <= c -> y * y <= c * c) by (intros; nia).
  destruct (a group) as [v |], (b group) as [w |].
  - specialize (Ba v Hg eq_refl). specialize (Bb w Hg eq_refl).
    assert (L : Z.abs (v - w) <= d) by (unfold d; lia). pose proof (Q _ _ L). lia.
  - specialize (Ba v Hg eq_refl). assert (L : Z.abs v <= M) by (unfold M; lia). pose proof (Q _ _ L). lia.
  - specialize (Bb w Hg eq_refl). assert (L : Z.abs w <= M) by (unfold M; lia). pose proof (Q _ _ L). lia.
  - lia.
Qed.

(** Lemma 2 (b). A block's answer [a] is replaced by [b]; the others stay. *)
Theorem block_grain : forall n m lower upper before after a b,
  lower <= upper -> bounded n m lower upper a -> bounded n m lower upper b ->
  let old := total (before ++ a :: after) in
  let new := total (before ++ b :: after) in
  let most := sensitivity_of Blocks (Z.of_nat n) m lower upper in
  change_l1 n old new <= l1 most /\ change_l2_squared n old new <= l2_squared most.
Proof.
  intros n m lower upper before after a b Hl Ba Bb old new most.
  assert (D : forall k, old k - new k = counted a k - counted b k)
    by (intros; unfold old, new; rewrite !total_app, !total_cons; ring).
  destruct (counts_in_polygon n m lower upper a b Ba Bb) as [Hs [Hu [Hn Hm]]].
  unfold most, sensitivity_of. cbn [l1 l2_squared].
  set (d := upper - lower). set (M := Z.max (Z.abs lower) (Z.abs upper)).
  assert (0 <= d) by (unfold d; lia). assert (0 <= M) by (unfold M; lia).
  split.
  - eapply Z.le_trans; [| apply polygon with (s := sum n (both a b)) (u := sum n (single a b)); trivial].
    rewrite <- sum_linear. apply sum_le. intros k Hk. rewrite D.
    now destruct (one_group n m lower upper a b k Ba Bb Hl Hk).
  - eapply Z.le_trans; [| apply polygon with (s := sum n (both a b)) (u := sum n (single a b)); trivial; nia].
    rewrite <- sum_linear. apply sum_le. intros k Hk. rewrite D.
    now destruct (one_group n m lower upper a b k Ba Bb Hl Hk).
Qed.

(** Lemma 2 (a). A unit's answer [a] is there or is not; the others stay. *)
Theorem unit_grain : forall n m lower upper before after a,
  lower <= upper -> 0 <= m -> bounded n m lower upper a ->
  let present := total (before ++ a :: after) in
  let absent := total (before ++ after) in
  let most := sensitivity_of Unit (Z.of_nat n) m lower upper in
  change_l1 n present absent <= l1 most /\ change_l2_squared n present absent <= l2_squared most.
Proof.
  intros n m lower upper before after a Hl Hm0 Ba present absent most.
  set (none := fun _ : nat => @None Z).
  assert (Bn : bounded n m lower upper none).
  { split; [| discriminate]. replace (sum n (defined none)) with (sum n (fun _ => 0)) by reflexivity.
    rewrite sum_const. lia. }
  assert (D : forall k, present k - absent k = counted a k - counted none k)
    by (intros; unfold present, absent; rewrite !total_app, total_cons; change (counted none k) with 0; ring).
  assert (E : sum n (both a none) = 0 /\ sum n (single a none) = sum n (defined a)).
  { split; [replace 0 with (sum n (fun _ => 0)) by (rewrite sum_const; lia) |]; apply sum_ext; intros k _;
      unfold single, both; change (defined none k) with 0; lia. }
  destruct E as [Es Eu], Ba as [Ca Va]. pose proof (defined_groups n a).
  unfold most, sensitivity_of, largest. cbn [l1 l2_squared corners map fold_right fst snd].
  set (d := upper - lower). set (M := Z.max (Z.abs lower) (Z.abs upper)).
  assert (0 <= M) by (unfold M; lia). assert (U : 0 <= sum n (defined a) <= Z.min m (Z.of_nat n)) by lia.
  split; (eapply Z.le_trans; [apply sum_le; intros k Hk; rewrite D;
    destruct (one_group n m lower upper a none k (conj Ca Va) Bn Hl Hk) as [P1 P2];
    first [exact P1 | exact P2] | rewrite sum_linear, Es, Eu; fold d; fold M; nia]).
Qed.

(** * Lemma 2, attained *)

(** The bound of size M. *)
Definition peak_of (lower upper : Z) : Z := if Z.abs lower <=? Z.abs upper then upper else lower.

(** The two answers of the proof on paper: [s] shared groups, and the halves of [u]. *)
Definition older (lower upper s u : Z) : answer := fun group =>
  let g := Z.of_nat group in
  if g <? s then Some lower else if g <? s + (u + 1) / 2 then Some (peak_of lower upper) else None.
Definition newer (lower upper s u : Z) : answer := fun group =>
  let g := Z.of_nat group in
  if g <? s then Some upper else if g <? s + (u + 1) / 2 then None
  else if g <? s + u then Some (peak_of lower upper) else None.

Lemma peak_bounds : forall lower upper, lower <= upper -> lower <= peak_of lower upper <= upper.
Proof. intros. unfold peak_of. destruct (Z.leb_spec (Z.abs lower) (Z.abs upper)); lia. Qed.

Lemma peak_abs : forall lower upper, Z.abs (peak_of lower upper) = Z.max (Z.abs lower) (Z.abs upper).
Proof. intros. unfold peak_of. destruct (Z.leb_spec (Z.abs lower) (Z.abs upper)); lia. Qed.

Lemma corner_attained : forall n m lower upper s u,
  lower <= upper -> 0 <= s -> 0 <= u -> s + u <= Z.of_nat n -> 2 * s + u <= 2 * m ->
  let a := older lower upper s u in
  let b := newer lower upper s u in
  let d := upper - lower in
  let M := Z.max (Z.abs lower) (Z.abs upper) in
  bounded n m lower upper a /\ bounded n m lower upper b /\
  change_l1 n (counted a) (counted b) = s * d + u * M /\
  change_l2_squared n (counted a) (counted b) = s * (d * d) + u * (M * M).
Proof.
  intros n m lower upper s u Hl Hs Hu Hn Hm a b d M.
  pose proof (peak_bounds lower upper Hl) as P. pose proof (peak_abs lower upper) as A.
  fold M in A.
  set (h := (u + 1) / 2). assert (H : 2 * h = u \/ 2 * h = u + 1).
  { unfold h. pose proof (Z.div_mod (u + 1) 2 ltac:(lia)). pose proof (Z.mod_pos_bound (u + 1) 2 ltac:(lia)). lia. }
  assert (Sa : sum n (defined a) = s + h).
  { replace (sum n (defined a)) with (sum n (below (s + h))); [rewrite sum_below; lia |].
    apply sum_ext. intros k _. unfold below, defined, a, older. fold h.
    destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)); lia. }
  assert (Sb : sum n (defined b) = s + u - h).
  { replace (sum n (defined b)) with (sum n (fun k => (below s k + below (s + u) k) * 1 + below (s + h) k * -1)).
    - rewrite sum_linear, sum_plus, !sum_below; lia.
    - apply sum_ext. intros k _. unfold below, defined, b, newer. fold h.
      destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)), (Z.ltb_spec (Z.of_nat k) (s + u)); lia. }
  split; [| split; [| split]].
  - split; [lia |]. intros k v _. unfold a, older. fold h.
    destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)); intros E; inversion E; lia.
  - split; [lia |]. intros k v _. unfold b, newer. fold h.
    destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)), (Z.ltb_spec (Z.of_nat k) (s + u));
      intros E; inversion E; lia.
  - transitivity (sum n (fun k => below s k * (d - M) + below (s + u) k * M)).
    + apply sum_ext. intros k _. unfold below, counted, a, b, older, newer. fold h. unfold d.
      destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)), (Z.ltb_spec (Z.of_nat k) (s + u)); lia.
    + rewrite sum_linear, !sum_below by lia. rewrite !Z.min_r by lia. ring.
  - transitivity (sum n (fun k => below s k * (d * d - M * M) + below (s + u) k * (M * M))).
    + apply sum_ext. intros k _. unfold below, counted, a, b, older, newer. fold h. unfold d.
      assert (peak_of lower upper * peak_of lower upper = M * M) by (rewrite <- A; nia).
      destruct (Z.ltb_spec (Z.of_nat k) s), (Z.ltb_spec (Z.of_nat k) (s + h)), (Z.ltb_spec (Z.of_nat k) (s + u)); lia.
    + rewrite sum_linear, !sum_below by lia. rewrite !Z.min_r by lia. ring.
Qed.

Lemma corners_in_polygon : forall n m s u,
  0 <= m <= n -> In (s, u) (corners Blocks n m) -> 0 <= s /\ 0 <= u /\ s + u <= n /\ 2 * s + u <= 2 * m.
Proof.
  intros n m s u Hm. unfold corners. destruct (Z.leb_spec (2 * m) n); cbn [In]; intros I.
  - destruct I as [I | [I | []]]; apply pair_equal_spec in I as [<- <-]; lia.
  - destruct I as [I | [I | [I | []]]]; apply pair_equal_spec in I as [<- <-]; lia.
Qed.

(** Nothing smaller would do: for each of the two sums there are answers that reach it. *)
Theorem block_grain_attained : forall n m lower upper,
  lower <= upper -> 0 <= m ->
  let most := sensitivity_of Blocks (Z.of_nat n) m lower upper in
  (exists a b, bounded n m lower upper a /\ bounded n m lower upper b /\
    change_l1 n (counted a) (counted b) = l1 most) /\
  (exists a b, bounded n m lower upper a /\ bounded n m lower upper b /\
    change_l2_squared n (counted a) (counted b) = l2_squared most).
Proof.
  intros n m lower upper Hl Hm most. unfold most, sensitivity_of. cbn [l1 l2_squared].
  set (d := upper - lower). set (M := Z.max (Z.abs lower) (Z.abs upper)).
  set (m' := Z.min m (Z.of_nat n)). set (cs := corners Blocks (Z.of_nat n) m').
  assert (N : cs <> []) by (unfold cs, corners; destruct (_ <=? _); discriminate).
  assert (P : forall s u, In (s, u) cs -> 0 <= s /\ 0 <= u /\ s + u <= Z.of_nat n /\ 2 * s + u <= 2 * m')
    by (intros; apply corners_in_polygon; [lia | assumption]).
  assert (0 <= d) by (unfold d; lia). assert (0 <= M) by (unfold M; lia).
  split.
  - destruct (largest_attained cs d M N) as [s [u [I ->]]]; [intros s u I; destruct (P s u I); nia |].
    destruct (P s u I) as [? [? [? ?]]].
    destruct (corner_attained n m lower upper s u) as [Ba [Bb [E _]]]; trivial; [lia |]. eauto.
  - destruct (largest_attained cs (d * d) (M * M) N) as [s [u [I ->]]]; [intros s u I; destruct (P s u I); nia |].
    destruct (P s u I) as [? [? [? ?]]].
    destruct (corner_attained n m lower upper s u) as [Ba [Bb [_ E]]]; trivial; [lia |]. eauto.
Qed.

Theorem unit_grain_attained : forall n m lower upper,
  lower <= upper -> 0 <= m ->
  let most := sensitivity_of Unit (Z.of_nat n) m lower upper in
  exists a, bounded n m lower upper a /\
    change_l1 n (counted a) (fun _ => 0) = l1 most /\
    change_l2_squared n (counted a) (fun _ => 0) = l2_squared most.
Proof.
  intros n m lower upper Hl Hm most. unfold most, sensitivity_of, largest.
  cbn [l1 l2_squared corners map fold_right fst snd].
  set (M := Z.max (Z.abs lower) (Z.abs upper)). assert (0 <= M) by (unfold M; lia).
  set (k := Z.min m (Z.of_nat n)).
  pose proof (peak_bounds lower upper Hl) as P. pose proof (peak_abs lower upper) as A. fold M in A.
  exists (fun group => if Z.of_nat group <? k then Some (peak_of lower upper) else None).
  split; [| split].
  - split.
    + replace (sum n _) with (sum n (below k)); [rewrite sum_below; lia |].
      apply sum_ext. intros g _. unfold below, defined. now destruct (_ <? _).
    + intros g v _. destruct (_ <? _); intros E; inversion E; lia.
  - transitivity (sum n (fun g => below k g * M + 0 * 0)).
    + apply sum_ext. intros g _. unfold below, counted. destruct (_ <? _); lia.
    + rewrite (sum_linear n (below k) (fun _ => 0)), sum_below by lia. rewrite Z.min_r by lia. nia.
  - transitivity (sum n (fun g => below k g * (M * M) + 0 * 0)).
    + apply sum_ext. intros g _. unfold below, counted.
      assert (peak_of lower upper * peak_of lower upper = M * M) by (rewrite <- A; nia).
      destruct (_ <? _); lia.
    + rewrite (sum_linear n (below k) (fun _ => 0)), sum_below by lia. rewrite Z.min_r by lia. nia.
Qed.

(** * Both lemmas together: any guest, any answers *)

(** [OneGrain::add]: every contribution is added to its cell. *)
Definition added (group : nat) (contributed : list (nat * Z)) : Z :=
  fold_right (fun gs t => (if Nat.eqb group (fst gs) then snd gs else 0) + t) 0 contributed.

(** The totals of value [j] of the output, over the grains' answers as the guest gave them. *)
Definition totals (o : output) (j : nat) (answers : list (list item)) (group : nat) : Z :=
  fold_right (fun a t => added group (of_value j (host o a)) + t) 0 answers.

Definition as_function (contributed : list (nat * Z)) : answer := fun group =>
  option_map snd (find (fun gs => Nat.eqb group (fst gs)) contributed).

Lemma added_once : forall group contributed,
  NoDup (map fst contributed) -> added group contributed = counted (as_function contributed) group.
Proof.
  intros group contributed. induction contributed as [| [h v] rest IH]; intros N; [reflexivity |].
  cbn [map fst] in N. inversion N as [| ? ? Hn Nr]; subst. specialize (IH Nr).
  change (added group ((h, v) :: rest)) with ((if Nat.eqb group h then v else 0) + added group rest).
  rewrite IH. unfold counted, as_function. cbn [find fst].
  destruct (Nat.eqb_spec group h) as [-> |]; [| cbn; lia].
  destruct (find (fun gs => Nat.eqb h (fst gs)) rest) as [[g w] |] eqn:F; [| cbn; lia].
  apply find_some in F as [I E]. cbn in E. apply Nat.eqb_eq in E as ->. exfalso. apply Hn.
  apply in_map_iff. exists (g, w). auto.
Qed.

Lemma sum_one : forall n h, sum n (fun group => if Nat.eqb group h then 1 else 0) <= 1.
Proof.
  intros. enough (0 <= sum n (fun group => if Nat.eqb group h then 1 else 0) <= if (h <? n)%nat then 1 else 0)
    by (destruct (h <? n)%nat; lia).
  induction n as [| n IH]; cbn [sum]; [cbn; lia |].
  destruct (Nat.eqb_spec n h), (Nat.ltb_spec h n), (Nat.ltb_spec h (S n)); lia.
Qed.

Lemma defined_length : forall n contributed,
  sum n (defined (as_function contributed)) <= Z.of_nat (length contributed).
Proof.
  intros n contributed. induction contributed as [| [h v] rest IH].
  - replace (sum n _) with (sum n (fun _ => 0)) by reflexivity. rewrite sum_const. cbn. lia.
  - cbn [length]. apply Z.le_trans with
      (sum n (fun group => (if Nat.eqb group h then 1 else 0) + defined (as_function rest) group)).
    + apply sum_le. intros k _. unfold defined, as_function. cbn.
      destruct (Nat.eqb k h); cbn; [destruct (option_map _ _); lia | lia].
    + rewrite sum_plus. pose proof (sum_one n h). lia.
Qed.

Lemma host_bounded : forall o j g answer,
  nth_error (grids o) j = Some g -> lower g <= upper g ->
  let contributed := of_value j (host o answer) in
  bounded (groups o) (Z.of_nat (max_groups o)) (lower g) (upper g) (as_function contributed) /\
  forall group, added group contributed = counted (as_function contributed) group.
Proof.
  intros o j g answer Hg Hl contributed.
  destruct (every_answer_is_bounded steps saturating_add o answer j g Hg Hl) as [N [L V]].
  fold (host o answer) in N, L, V. fold contributed in N, L, V. split; [split |].
  - pose proof (defined_length (groups o) contributed). lia.
  - intros group v _. unfold as_function. destruct (find _ contributed) as [[h w] |] eqn:F; [| discriminate].
    cbn. intros E. injection E as ->. apply find_some in F as [I _]. now destruct (V _ _ I).
  - intros group. now apply added_once.
Qed.

Lemma totals_are_total : forall o j g answers group,
  nth_error (grids o) j = Some g -> lower g <= upper g ->
  totals o j answers group = total (map (fun a => as_function (of_value j (host o a))) answers) group.
Proof.
  intros o j g answers group Hg Hl. induction answers as [| a answers IH]; [reflexivity |].
  change (totals o j (a :: answers) group)
    with (added group (of_value j (host o a)) + totals o j answers group).
  cbn [map]. rewrite total_cons, IH. destruct (host_bounded o j g a Hg Hl) as [_ ->]. reflexivity.
Qed.

Lemma sum_totals_ext : forall n x y x' y',
  (forall k, x k = x' k) -> (forall k, y k = y' k) ->
  change_l1 n x y = change_l1 n x' y' /\ change_l2_squared n x y = change_l2_squared n x' y'.
Proof. intros. split; apply sum_ext; intros; congruence. Qed.

Theorem any_guest_unit : forall o j g before after answer,
  nth_error (grids o) j = Some g -> lower g <= upper g ->
  let present := totals o j (before ++ answer :: after) in
  let absent := totals o j (before ++ after) in
  let most := sensitivity_of Unit (Z.of_nat (groups o)) (Z.of_nat (max_groups o)) (lower g) (upper g) in
  change_l1 (groups o) present absent <= l1 most /\ change_l2_squared (groups o) present absent <= l2_squared most.
Proof.
  intros o j g before after answer Hg Hl present absent most.
  pose proof (fun answers group => totals_are_total o j g answers group Hg Hl) as T.
  destruct (sum_totals_ext (groups o) present absent _ _ (T _) (T _)) as [-> ->].
  rewrite !map_app. cbn [map]. apply unit_grain; trivial; [lia |]. now apply host_bounded.
Qed.

Theorem any_guest_block : forall o j g before after old_answer new_answer,
  nth_error (grids o) j = Some g -> lower g <= upper g ->
  let old := totals o j (before ++ old_answer :: after) in
  let new := totals o j (before ++ new_answer :: after) in
  let most := sensitivity_of Blocks (Z.of_nat (groups o)) (Z.of_nat (max_groups o)) (lower g) (upper g) in
  change_l1 (groups o) old new <= l1 most /\ change_l2_squared (groups o) old new <= l2_squared most.
Proof.
  intros o j g before after a b Hg Hl old new most.
  pose proof (fun answers group => totals_are_total o j g answers group Hg Hl) as T.
  destruct (sum_totals_ext (groups o) old new _ _ (T _) (T _)) as [-> ->].
  rewrite !map_app. cbn [map]. apply block_grain; trivial; now apply host_bounded.
Qed.

(** * The closed forms, as docs/privacy-model.md has them *)

Theorem unit_closed_form : forall n m lower upper, 0 <= m <= n ->
  let M := Z.max (Z.abs lower) (Z.abs upper) in
  sensitivity_of Unit n m lower upper = Sensitivity (m * M) (m * (M * M)).
Proof.
  intros n m lower upper H M. unfold sensitivity_of, largest. fold M.
  cbn [corners map fold_right fst snd]. rewrite Z.min_l by lia. assert (0 <= M) by (unfold M; lia).
  f_equal; nia.
Qed.

Theorem large_domain_closed_form : forall n m lower upper, 0 <= m -> 2 * m <= n -> lower <= upper ->
  let d := upper - lower in
  let M := Z.max (Z.abs lower) (Z.abs upper) in
  sensitivity_of Blocks n m lower upper = Sensitivity (2 * m * M) (m * Z.max (d * d) (2 * (M * M))).
Proof.
  intros n m lower upper H Hn Hl d M. unfold sensitivity_of, largest. fold d M.
  rewrite Z.min_l by lia. unfold corners. destruct (Z.leb_spec (2 * m) n); [| lia].
  cbn [map fold_right fst snd]. assert (0 <= d <= 2 * M) by (unfold d, M; lia). f_equal; nia.
Qed.

Theorem single_total_closed_form : forall lower upper, lower <= upper ->
  let d := upper - lower in
  let M := Z.max (Z.abs lower) (Z.abs upper) in
  sensitivity_of Blocks 1 1 lower upper = Sensitivity (Z.max d M) (Z.max (d * d) (M * M)).
Proof.
  intros lower upper Hl d M. unfold sensitivity_of, largest. fold d M.
  change (corners Blocks 1 (Z.min 1 1)) with [(1, 0); (0, 1); (1, 0)]. cbn [map fold_right fst snd].
  assert (0 <= d) by (unfold d; lia). assert (0 <= M) by (unfold M; lia). f_equal; nia.
Qed.

(** A value that can be other than 0 has a sensitivity above 0, so that shares can be divided by it. *)
Theorem sensitivity_positive : forall g n m lower upper,
  1 <= n -> 1 <= m -> lower <= upper -> (lower, upper) <> (0, 0) ->
  0 < l1 (sensitivity_of g n m lower upper) /\ 0 < l2_squared (sensitivity_of g n m lower upper).
Proof.
  intros g n m lower upper Hn Hm Hl H0. unfold sensitivity_of. cbn [l1 l2_squared].
  set (d := upper - lower). set (M := Z.max (Z.abs lower) (Z.abs upper)). set (m' := Z.min m n).
  assert (lower <> 0 \/ upper <> 0) by (destruct (Z.eq_dec lower 0); [right | left]; congruence).
  assert (0 < M) by (unfold M; lia).
  assert (P : exists s u, In (s, u) (corners g n m') /\ 0 <= s /\ 0 < u).
  { unfold corners. destruct g; [exists 0, m' | destruct (2 * m' <=? n); [exists 0, (2 * m') | exists 0, n]];
      (split; [cbn; tauto | lia]). }
  destruct P as [s [u [I [Hs Hu]]]]. assert (0 <= d) by (unfold d; lia).
  pose proof (largest_at_least _ d M s u I). pose proof (largest_at_least _ (d * d) (M * M) s u I).
  split; nia.
Qed.
