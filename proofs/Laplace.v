(** The masses of the discrete Laplace sampler: algorithm 2 of Canonne, Kamath and Steinke (2020), as
    [laplace] in sandbox/core/src/noise.rs has it.

    What is abstract: chances are elements of any commutative ring, of which the real numbers are one,
    and r stands for exp(-1 / num). So "true with chance exp(-u / num)" is r^u, and "true with chance
    exp(-1)" is r^num. What the theorems say of r holds of that real number.

    What is not here: that the words of the generator are uniform, that the series of [exp_series]
    has the limit exp(-p), and that a loop which starts anew until something is kept has the masses of
    one pass, divided by their sum. *)

From Coq Require Import Arith ZArith List Bool Lia Ring.

Section Ring.
  Variables (R : Type) (zero one : R) (plus times minus : R -> R -> R) (opp : R -> R).
  Variable laws : ring_theory zero one plus times minus opp eq.
  Add Ring laws : laws.

  Local Notation "0" := zero.
  Local Notation "1" := one.
  Local Infix "+" := plus.
  Local Infix "*" := times.
  Local Infix "-" := minus.

  Fixpoint power (x : R) (n : nat) : R := match n with O => 1 | S k => x * power x k end.
  Fixpoint sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S k => sum k f + f k end.
  Definition where_ (b : bool) (x : R) : R := if b then x else 0.

  Lemma sum_ext : forall n f g, (forall k, (k < n)%nat -> f k = g k) -> sum n f = sum n g.
  Proof.
    induction n as [| n IH]; cbn; intros f g H; [reflexivity |].
    rewrite (H n) by lia. rewrite (IH f g); [reflexivity | intros; apply H; lia].
  Qed.

  Lemma sum_zero : forall n, sum n (fun _ => 0) = 0.
  Proof. induction n as [| n IH]; cbn; [| rewrite IH; ring]; reflexivity. Qed.

  Lemma sum_plus : forall n f g, sum n (fun k => f k + g k) = sum n f + sum n g.
  Proof. induction n as [| n IH]; cbn; intros; [ring | rewrite IH; ring]. Qed.

  Lemma sum_times : forall n c f, sum n (fun k => c * f k) = c * sum n f.
  Proof. induction n as [| n IH]; cbn; intros; [ring | rewrite IH; ring]. Qed.

  Lemma sum_swap : forall n m (f : nat -> nat -> R),
    sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
  Proof.
    induction n as [| n IH]; cbn; intros m f; [now rewrite sum_zero |]. now rewrite IH, <- sum_plus.
  Qed.

  (** A sum of which one term is there. *)
  Lemma sum_single : forall n k f, (k < n)%nat -> sum n (fun i => where_ (i =? k)%nat (f i)) = f k.
  Proof.
    induction n as [| n IH]; intros k f Hk; [lia |]. cbn [sum].
    destruct (Nat.eq_dec k n) as [-> | Hn].
    - rewrite (sum_ext _ _ (fun _ => 0)), sum_zero.
      + rewrite Nat.eqb_refl. cbn. ring.
      + intros i Hi. destruct (Nat.eqb_spec i n); [lia | reflexivity].
    - rewrite IH by lia. destruct (Nat.eqb_spec n k); [lia |]. cbn. ring.
  Qed.

  Lemma power_plus : forall x n m, power x (n + m)%nat = power x n * power x m.
  Proof. induction n as [| n IH]; cbn; intros; [ring | rewrite IH; ring]. Qed.

  Lemma power_power : forall x n m, power (power x n) m = power x (n * m)%nat.
  Proof.
    induction m as [| m IH]; cbn; [now rewrite Nat.mul_0_r |].
    rewrite IH, <- power_plus. f_equal. lia.
  Qed.

  (** * One pass of the loop *)

  Variables (num den : nat) (r uniform half : R).
  Hypothesis num_positive : (0 < num)%nat.
  Hypothesis den_positive : (0 < den)%nat.

  (** [u] of the values below [num], each with chance [uniform], is kept with chance r^u; then [v]
      successes of chance r^num, and a failure. *)
  Definition pass (u v : nat) : R := uniform * power r u * (power (power r num) v * (1 - power r num)).

  (** What a pass that begins with a sign gives: nothing for "minus zero". *)
  Definition outcome (negative : bool) (u v : nat) : option Z :=
    let magnitude := ((u + num * v) / den)%nat in
    if negative && (magnitude =? 0)%nat then None
    else Some (if negative then (- Z.of_nat magnitude)%Z else Z.of_nat magnitude).

  Definition gives (y : Z) (o : option Z) : bool := match o with Some x => Z.eqb x y | None => false end.

  (** Masses over all u, and over v up to [most]; no later v gives what is asked for below. *)
  Definition over (most : nat) (f : nat -> nat -> R) : R := sum num (fun u => sum most (fun v => f u v)).

  Definition mass_of_residue_and_quotient (most z : nat) : R :=
    over most (fun u v => where_ (u + num * v =? z)%nat (pass u v)).
  Definition mass_of_magnitude (most x : nat) : R :=
    over most (fun u v => where_ ((u + num * v) / den =? x)%nat (pass u v)).
  Definition mass (most : nat) (y : Z) : R :=
    over most (fun u v =>
      where_ (gives y (outcome false u v)) (half * pass u v) + where_ (gives y (outcome true u v)) (half * pass u v)).

  Lemma over_ext : forall most f g, (forall u v, (u < num)%nat -> f u v = g u v) -> over most f = over most g.
  Proof. intros most f g H. unfold over. apply sum_ext. intros u Hu. apply sum_ext. auto. Qed.

  (** u + num v is geometric: z comes with mass proportional to r^z = exp(-z / num). *)
  Theorem residue_and_quotient_are_geometric : forall most z, (z < most)%nat ->
    mass_of_residue_and_quotient most z = uniform * (1 - power r num) * power r z.
  Proof.
    intros most z Hz. unfold mass_of_residue_and_quotient, over.
    pose proof (Nat.div_mod z num ltac:(lia)) as D.
    pose proof (Nat.mod_upper_bound z num ltac:(lia)) as M.
    assert (Q : (z / num < most)%nat) by (pose proof (Nat.div_le_upper_bound z num z ltac:(lia) ltac:(nia)); lia).
    rewrite (sum_ext _ _ (fun u => where_ (u =? z mod num)%nat (pass u (z / num)))).
    - rewrite sum_single by assumption. unfold pass. rewrite power_power.
      rewrite D at 3. rewrite power_plus. ring.
    - intros u Hu.
      rewrite (sum_ext _ _ (fun v => where_ (v =? z / num)%nat (where_ (u =? z mod num)%nat (pass u v)))).
      + now rewrite sum_single by assumption.
      + intros v _. destruct (Nat.eqb_spec (u + num * v) z) as [E | N].
        * assert (v = z / num)%nat by (apply (Nat.div_unique z num v u); lia).
          assert (u = z mod num)%nat by (apply (Nat.mod_unique z num v u); lia).
          subst v u. now rewrite !Nat.eqb_refl.
        * destruct (Nat.eqb_spec v (z / num)); [| reflexivity].
          destruct (Nat.eqb_spec u (z mod num)); [| reflexivity]. exfalso. apply N. subst. lia.
  Qed.

  (** Divided by den it is geometric with ratio r^den = exp(-den / num). *)
  Theorem magnitude_is_geometric : forall most x, (den * x + den <= most)%nat ->
    mass_of_magnitude most x = uniform * (1 - power r num) * sum den (power r) * power (power r den) x.
  Proof.
    intros most x Hx. unfold mass_of_magnitude.
    transitivity (sum den (fun k => mass_of_residue_and_quotient most (den * x + k)%nat)).
    - symmetry. unfold mass_of_residue_and_quotient, over. rewrite sum_swap. apply sum_ext. intros u _.
      rewrite sum_swap. apply sum_ext. intros v _. set (z := (u + num * v)%nat).
      destruct (Nat.eqb_spec (z / den) x) as [E | N].
      + rewrite (sum_ext _ _ (fun k => where_ (k =? z mod den)%nat (pass u v))).
        * rewrite sum_single; [reflexivity | apply Nat.mod_upper_bound; lia].
        * intros k Hk. pose proof (Nat.div_mod z den ltac:(lia)).
          destruct (Nat.eqb_spec z (den * x + k)), (Nat.eqb_spec k (z mod den)); trivial; exfalso; subst x; lia.
      + rewrite (sum_ext _ _ (fun _ => 0)); [apply sum_zero |]. intros k Hk.
        destruct (Nat.eqb_spec z (den * x + k)) as [E |]; [| reflexivity].
        exfalso. apply N. rewrite E. symmetry. apply (Nat.div_unique _ den x k); lia.
    - rewrite power_power.
      rewrite (sum_ext _ _ (fun k => uniform * (1 - power r num) * power r (den * x) * power r k)).
      + rewrite sum_times. ring.
      + intros k Hk. rewrite residue_and_quotient_are_geometric by lia. rewrite power_plus. ring.
  Qed.

  (** With a sign, of whose two zeros one is thrown away: each integer y comes in one pass with mass
      proportional to r^(den |y|) = exp(-|y| den / num), 0 like any other. *)
  Theorem each_integer_has_its_mass : forall most y, (den * Z.abs_nat y + den <= most)%nat ->
    mass most y =
      half * uniform * (1 - power r num) * sum den (power r) * power (power r den) (Z.abs_nat y).
  Proof.
    intros most y Hy. transitivity (half * mass_of_magnitude most (Z.abs_nat y)).
    - unfold mass, mass_of_magnitude, over. rewrite <- sum_times. apply sum_ext. intros u _.
      rewrite <- sum_times. apply sum_ext. intros v _. unfold outcome, gives.
      set (x := ((u + num * v) / den)%nat). cbn [andb].
      destruct (Nat.eqb_spec x (Z.abs_nat y)) as [E | N]; unfold where_.
      + destruct (Nat.eqb_spec x 0).
        * destruct (Z.eqb_spec (Z.of_nat x) y); [ring | lia].
        * destruct (Z.eqb_spec (Z.of_nat x) y), (Z.eqb_spec (- Z.of_nat x) y); try lia; ring.
      + destruct (Nat.eqb_spec x 0).
        * destruct (Z.eqb_spec (Z.of_nat x) y); [lia | ring].
        * destruct (Z.eqb_spec (Z.of_nat x) y), (Z.eqb_spec (- Z.of_nat x) y); try lia; ring.
    - rewrite magnitude_is_geometric by assumption. ring.
  Qed.

  (** * [exp_series] *)

  (** The chance that the first k events come true: each is of chance p and, independently, of chance
      1/i. The factors 1/i are [part i], so that this is p^k / k!. *)
  Variable p : R.
  Variable part : nat -> R.
  Fixpoint all_true (k : nat) : R := match k with O => 1 | S i => all_true i * (p * part (S i)) end.
  Definition first_failure_is (k : nat) : R := match k with O => 0 | S i => all_true i - all_true k end.

  (** With a sign at each term: the series of exp(-p). *)
  Fixpoint series (k : nat) : R :=
    match k with O => 1 | S i => if Nat.even i then series i - all_true k else series i + all_true k end.

  (** The chance of an odd first failure, up to 2n + 1, is the series of exp(-p) up to 2n + 1. *)
  Theorem odd_failures_are_the_series : forall n,
    sum (S n) (fun i => first_failure_is (2 * i + 1)) = series (2 * n + 1).
  Proof.
    induction n as [| n IH]; [cbn; ring |].
    change (sum (S (S n)) (fun i => first_failure_is (2 * i + 1)%nat))
      with (sum (S n) (fun i => first_failure_is (2 * i + 1)%nat) + first_failure_is (2 * S n + 1)%nat).
    rewrite IH. replace (2 * S n + 1)%nat with (S (S (2 * n + 1))) by lia.
    assert (E : Nat.even (2 * n + 1) = false) by (rewrite Nat.even_add, Nat.even_mul; reflexivity).
    cbn [series first_failure_is]. rewrite Nat.even_succ, <- Nat.negb_even, E. cbn [negb]. ring.
  Qed.
End Ring.
