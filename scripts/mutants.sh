#!/usr/bin/env bash
# Breaks the code that must be believed, one place at a time, and sees whether a test fails (docs/mutants.md). It works
# on a copy of the tree; what was found is in the target directory's folder mutants/CRATE/mutants.out.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
export PATH="$target/verifiers/cargo/bin:$PATH"
missing() {
    echo "$1" >&2
    exit 1
}
command -v cargo-mutants > /dev/null || missing "cargo-mutants is missing: cargo install cargo-mutants --locked"
export CARGO_TARGET_DIR="$target/mutants/build" CARGO_INCREMENTAL=1

# Not optimised, for each change is compiled anew, and without the tests that take longest.
unoptimised=(--cargo-arg=--config=profile.dev.opt-level=0 --cargo-arg=--config=profile.dev.debug=0)
failed=0
for crate in ${MUTANTS_CRATES:-core policies runtime tlog}; do
    case $crate in
        core) files='sandbox/core/src/**' tests=(--test=release)
            unoptimised+=(--cargo-arg=--config=profile.dev.package.unseen-core.opt-level=0) ;;
        policies) files='policies/src/{accounting,rational,rho,ledger,ledger/*}.rs' tests=(--tests) ;;
        runtime) files='runtime/src/{freshness,marks,pagemap,plain,reset}.rs' tests=(--test=marks) ;;
        tlog) files='attestations/tlog/src/**' tests=(--tests) ;;
        *) missing "$crate is none of core, policies, runtime and tlog" ;;
    esac
    echo "== $crate"
    mkdir -p "$target/mutants/$crate"
    # 3: of some, tests did not end, which is as good as a test that fails.
    cargo mutants --package "unseen-$crate" --file "$files" --no-times --timeout 60 --output "$target/mutants/$crate" \
        ${MUTANTS_SHARD:+--shard "$MUTANTS_SHARD"} "${unoptimised[@]}" --cargo-arg=--lib "${tests[@]/#/--cargo-arg=}" \
        || [ $? = 3 ] || failed=1
done
exit "$failed"
