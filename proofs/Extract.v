(** The functions that the theorems speak of, as OCaml: vectors.ml computes what the Rust must give. *)

From Coq Require Import Extraction ExtrOcamlBasic.
From Unseen Require Clamp Sensitivity Shares.

Extraction Language OCaml.
Extraction Blacklist List Nat String.
Separate Extraction Clamp.decode Clamp.host Sensitivity.sensitivity_of Shares.scale Shares.variance.
