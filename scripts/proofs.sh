#!/usr/bin/env bash
# proofs.sh: checks the proofs in proofs/ with Coq, says what they assume, and compares the code with a million vectors
# that the functions they speak of compute. Says first what it installs; nothing but that and cargo needs the network.
# Without Coq it says SKIPPED, and fails if UNSEEN_REQUIRE_ALL is 1. All is built in target/proofs.
set -euo pipefail
cd "$(dirname "$0")/.."
place="${CARGO_TARGET_DIR:-$PWD/target}/proofs"
# In the order in which they build on each other.
files=(Clamp Sensitivity Shares Laplace)
# Axioms that a theorem may rest on. There are none.
allowed='^$'

fail() { echo "proofs: $1" >&2; exit 1; }

# Debian's packages, and the program by which each is seen.
packages=()
command -v coqc > /dev/null || packages+=(coq)
command -v ocamlopt > /dev/null || packages+=(ocaml-nox)
mkdir -p "$place"
if [ "${#packages[@]}" -gt 0 ] && [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
    echo "Installing with apt-get: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { timeout 300 apt-get update && timeout 900 apt-get install -y --no-install-recommends "${packages[@]}"; } \
        > "$place/apt.log" 2>&1 < /dev/null || echo "apt-get failed (see $place/apt.log)" >&2
fi
if ! { command -v coqc && command -v coqchk && command -v ocamlopt && command -v ocamldep; } > /dev/null; then
    [ "${UNSEEN_REQUIRE_ALL:-}" != 1 ] || fail "Coq is missing: install ${packages[*]} with the system's package manager"
    echo "SKIPPED: no proof was checked; install ${packages[*]} with the system's package manager"
    exit 0
fi

# What would let a proof through that is none. A comment that needs one of these words can do without.
holes='Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Unset|bypass_check|native_compute|type_in_type'
if grep -nwE "$holes" proofs/*.v; then fail "a source has a hole in its place above"; fi

build=$place/build
rm -rf "$build"
mkdir -p "$build"
cp proofs/*.v proofs/vectors.ml "$build"
for file in "${files[@]}"; do
    echo "Checking proofs/$file.v"
    (cd "$build" && coqc -time -Q . Unseen "$file.v" > "$file.time") || fail "proofs/$file.v does not hold"
done
modules=("${files[@]/#/Unseen.}")
# The kernel of another program reads what was compiled.
(cd "$build" && coqchk -silent -norec "${modules[@]}" -Q . Unseen > coqchk.log 2>&1) ||
    fail "coqchk refuses it (see $build/coqchk.log)"

# What each theorem rests on, in Coq's own words.
theorems() { sed -nE 's/^ *Theorem ([A-Za-z0-9_]+).*/\1/p' "proofs/$1.v"; }
{
    printf 'Require %s.\n' "${modules[@]}"
    for file in "${files[@]}"; do
        for theorem in $(theorems "$file"); do printf 'Print Assumptions Unseen.%s.%s.\n' "$file" "$theorem"; done
    done
} > "$build/Assumptions.v"
(cd "$build" && coqc -Q . Unseen Assumptions.v > assumptions.txt) || fail "a theorem is not there"
number=$(grep -c '^Print Assumptions' "$build/Assumptions.v")
closed=$(grep -c '^Closed under the global context$' "$build/assumptions.txt" || true)
axioms=$(grep -vE '^(Closed under the global context|Axioms:|Section Variables:| .*)$' "$build/assumptions.txt" |
    sed 's/ .*//' | sort -u || true)
if [ -n "$axioms" ] && grep -vE "$allowed" <<< "$axioms"; then fail "theorems rest on the axioms above"; fi
[ -n "$axioms" ] || [ "$closed" = "$number" ] || fail "only $closed of $number theorems rest on no axiom"

echo "Computing vectors from the functions that the theorems speak of, and comparing the code with them"
(cd "$build" && coqc -Q . Unseen Extract.v > /dev/null && ocamlopt -w -a -unsafe -inline 100 \
    $(ocamldep -sort ./*.mli ./*.ml) -o vectors) || fail "the vectors' program does not compile"
cargo build --quiet --package unseen-core --example vectors
begun=$SECONDS
"$build/vectors" | cargo run --quiet --package unseen-core --example vectors > "$build/counts.txt" ||
    fail "the code is not what is proved"

# Seconds of a theorem: of its statement and each step of its proof. Coq cuts long names off, so they are counted.
printf '\n%-36s %-24s %8s\n' theorem file seconds
for file in "${files[@]}"; do
    theorems "$file" | awk -v file="proofs/$file.v" '
        FNR == NR { names[FNR] = $1; next }
        /\[(Theorem|Lemma|Definition|Fixpoint|Record|Variables?|Hypothesis|End)~/ { now = /\[Theorem~/ ? ++n : 0 }
        now { sub(/.*\] /, ""); seconds[now] += $1 }
        END { for (i = 1; i <= n; i++) printf "%-36s %-24s %8.2f\n", names[i], file, seconds[i] }
    ' - "$build/$file.time"
done
echo "$number theorems; axioms used: ${axioms:-none}"
printf '\n%-36s %24s %8s\n' vectors '' compared
awk '{ printf "%-61s %8d\n", $1, $2; all += $2 } END { printf "%-61s %8d\n", "all", all }' "$build/counts.txt"
echo "in $((SECONDS - begun)) seconds; $SECONDS in all"
