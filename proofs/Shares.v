(** How a budget is divided: section 2.5 of docs/privacy-model.md.

    The Rust is [values] in policies/src/plan.rs, whose fractions are exact, as these are. *)

From Coq Require Import QArith List Setoid Lia.
Import ListNotations.
Open Scope Q_scope.

(** A value: its weight, and its sensitivity (delta1 with Laplace noise, delta2 squared with Gaussian noise). *)
Record value := Value { value_weight : Q; sensitivity : Q }.
Record output := Output { output_weight : Q; values : list value }.

(** A budget (epsilon or rho), a weight for each round, and the outputs. *)
Record privacy := Privacy { budget : Q; round_weights : list Q; outputs : list output }.

Definition sum (xs : list Q) : Q := fold_right Qplus 0 xs.

Definition all_rounds (p : privacy) : Q := sum (round_weights p).
Definition all_outputs (p : privacy) : Q := sum (map output_weight (outputs p)).
Definition all_values (o : output) : Q := sum (map value_weight (values o)).

(** What value [v] of output [o] gets in a round of weight [w]: beta(r, o, j) of the paper. *)
Definition share (p : privacy) (w : Q) (o : output) (v : value) : Q :=
  budget p * (w / all_rounds p) * (output_weight o / all_outputs p) * (value_weight v / all_values o).

(** The noise, in the order in which the Rust computes it. *)
Definition within_round (p : privacy) (o : output) (v : value) : Q :=
  output_weight o / all_outputs p * value_weight v / all_values o.

Definition scale (p : privacy) (w : Q) (o : output) (v : value) : Q :=
  sensitivity v / (budget p * within_round p o v) * (all_rounds p / w).

Definition variance (p : privacy) (w : Q) (o : output) (v : value) : Q :=
  sensitivity v / (budget p * within_round p o v * 2) * (all_rounds p / w).

(** Lemma 3 of the paper: Laplace noise of scale t costs delta1 / t, Gaussian noise delta2^2 / (2 variance). *)
Definition laplace_cost (p : privacy) (w : Q) (o : output) (v : value) : Q := sensitivity v / scale p w o v.
Definition gaussian_cost (p : privacy) (w : Q) (o : output) (v : value) : Q := sensitivity v / (2 * variance p w o v).

(** The sum over rounds, outputs and values. *)
Definition over_all (p : privacy) (f : Q -> output -> value -> Q) : Q :=
  sum (map (fun w => sum (map (fun o => sum (map (f w o) (values o))) (outputs p))) (round_weights p)).

(** What a manifest that the lab accepts has: at least one of each, and no weight or budget of 0. *)
Definition accepted (p : privacy) : Prop :=
  0 < budget p /\
  round_weights p <> [] /\ Forall (fun w => 0 < w) (round_weights p) /\
  outputs p <> [] /\ Forall (fun o => 0 < output_weight o) (outputs p) /\
  Forall (fun o => values o <> [] /\ Forall (fun v => 0 < value_weight v) (values o)) (outputs p).

Lemma sum_positive : forall xs, xs <> [] -> Forall (fun x => 0 < x) xs -> 0 < sum xs.
Proof.
  assert (N : forall xs, Forall (fun x => 0 < x) xs -> 0 <= sum xs).
  { induction 1 as [| x xs Hx _ IH]; [apply Qle_refl |].
    apply Qle_trans with (0 + 0); [discriminate |].
    apply Qplus_le_compat; [now apply Qlt_le_weak | exact IH]. }
  intros [| x xs] H F; [tauto |]. inversion F as [| ? ? Hx Fs]; subst.
  apply Qle_lt_trans with (0 + 0); [discriminate |]. apply Qplus_lt_le_compat; [assumption | now apply N].
Qed.

Lemma sum_ext : forall A (f g : A -> Q) xs, (forall x, In x xs -> f x == g x) -> sum (map f xs) == sum (map g xs).
Proof.
  induction xs as [| x xs IH]; intros H; [reflexivity |]. cbn.
  rewrite (H x) by now left. rewrite IH by (intros; apply H; now right). reflexivity.
Qed.

Lemma sum_scaled : forall A (f : A -> Q) c xs, sum (map (fun x => c * f x) xs) == c * sum (map f xs).
Proof.
  induction xs as [| x xs IH]; [cbn; ring |].
  change (c * f x + sum (map (fun x => c * f x) xs) == c * (f x + sum (map f xs))). rewrite IH. ring.
Qed.

(** Parts of a whole: c divided in proportion to weights is c. *)
Lemma parts : forall A (weight : A -> Q) c xs, 0 < sum (map weight xs) ->
  sum (map (fun x => c * (weight x / sum (map weight xs))) xs) == c.
Proof.
  intros A weight c xs H. set (t := sum (map weight xs)) in *.
  assert (~ t == 0) by (intros E; rewrite E in H; now apply Qlt_irrefl in H).
  rewrite (sum_ext _ _ (fun x => c / t * weight x)) by (intros; field; assumption).
  rewrite sum_scaled. fold t. field. assumption.
Qed.

Lemma accepted_sums : forall p, accepted p ->
  0 < all_rounds p /\ 0 < all_outputs p /\ forall o, In o (outputs p) -> 0 < all_values o.
Proof.
  intros p [_ [Nr [Pr [No [Po Pv]]]]]. repeat split.
  - now apply sum_positive.
  - apply sum_positive; [| now rewrite Forall_map]. intros E. now apply map_eq_nil in E.
  - intros o I. rewrite Forall_forall in Pv. destruct (Pv o I) as [N F].
    apply sum_positive; [| now rewrite Forall_map]. intros E. now apply map_eq_nil in E.
Qed.

(** Shares add up to exactly the budget. *)
Theorem shares_add_up : forall p, accepted p -> over_all p (share p) == budget p.
Proof.
  intros p A. destruct (accepted_sums p A) as [Hr [Ho Hv]]. unfold over_all.
  rewrite (sum_ext _ _ (fun w => budget p * (w / all_rounds p))).
  - pose proof (parts Q (fun w => w) (budget p) (round_weights p)) as P. rewrite map_id in P. now apply P.
  - intros w _. set (c := budget p * (w / all_rounds p)).
    rewrite (sum_ext _ _ (fun o => c * (output_weight o / all_outputs p))); [now apply parts |].
    intros o I. apply (parts value value_weight (c * (output_weight o / all_outputs p)) (values o)). now apply Hv.
Qed.

Lemma nonzero : forall x, 0 < x -> ~ x == 0.
Proof. intros x H E. rewrite E in H. now apply Qlt_irrefl in H. Qed.

(** The noise is what 2.5 says, and by Lemma 3 it costs exactly the share. A sensitivity of 0 is left
    out: then the total is the same for all neighbours, and the noise is none. *)
Theorem each_costs_its_share : forall p w o v, accepted p ->
  In w (round_weights p) -> In o (outputs p) -> In v (values o) -> 0 < sensitivity v ->
  scale p w o v == sensitivity v / share p w o v /\
  variance p w o v == sensitivity v / (2 * share p w o v) /\
  laplace_cost p w o v == share p w o v /\
  gaussian_cost p w o v == share p w o v.
Proof.
  intros p w o v A Iw Io Iv Hs. destruct (accepted_sums p A) as [Hr [Ho Hv]].
  destruct A as [Hb [_ [Pw [_ [Po Pv]]]]]. rewrite Forall_forall in Pw, Po, Pv.
  pose proof (nonzero _ (Pw w Iw)). pose proof (nonzero _ (Po o Io)).
  destruct (Pv o Io) as [_ F]. rewrite Forall_forall in F. pose proof (nonzero _ (F v Iv)).
  pose proof (nonzero _ Hb). pose proof (nonzero _ Hr). pose proof (nonzero _ Ho). pose proof (nonzero _ (Hv o Io)).
  pose proof (nonzero _ Hs).
  unfold laplace_cost, gaussian_cost, scale, variance, share, within_round.
  repeat split; field; repeat split; trivial; discriminate.
Qed.

(** So everything together costs exactly what the manifest says. *)
Theorem costs_add_up : forall p, accepted p ->
  (forall o v, In o (outputs p) -> In v (values o) -> 0 < sensitivity v) ->
  over_all p (laplace_cost p) == budget p /\ over_all p (gaussian_cost p) == budget p.
Proof.
  intros p A H.
  assert (E : over_all p (laplace_cost p) == over_all p (share p) /\
              over_all p (gaussian_cost p) == over_all p (share p)).
  { split; unfold over_all; apply sum_ext; intros w Iw; apply sum_ext; intros o Io; apply sum_ext; intros v Iv;
      now destruct (each_costs_its_share p w o v A Iw Io Iv (H o v Io Iv)) as [_ [_ [L G]]]. }
  destruct E as [-> ->]. now split; apply shares_add_up.
Qed.
