#!/usr/bin/env bash
# Runs the targets of fuzz/ under libFuzzer, one after the other. What is found is kept in the target directory's
# folder fuzz/TARGET: an input that makes it panic goes into fuzz/TARGET/crash-*.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
export PATH="$target/verifiers/cargo/bin:$PATH"
missing() {
    echo "$1" >&2
    exit 1
}
command -v cargo-fuzz > /dev/null || missing "cargo-fuzz is missing: cargo install cargo-fuzz"
cargo +nightly --version > /dev/null 2>&1 || missing "nightly Rust is missing: rustup toolchain install nightly"

corpus="$target/fuzz"
all=$(cargo run --quiet --package unseen-fuzz --example seeds "$corpus/seeds")
fuzz=(cargo +nightly fuzz)
options=(--fuzz-dir fuzz --features libfuzzer --target-dir "$target/fuzz/build")
"${fuzz[@]}" build "${options[@]}" libfuzzer
for name in ${FUZZ_TARGETS:-$all}; do
    echo "== $name"
    mkdir -p "$corpus/$name"
    UNSEEN_FUZZ_TARGET=$name "${fuzz[@]}" run "${options[@]}" libfuzzer "$corpus/$name" "$corpus/seeds/$name" -- \
        -max_total_time="${FUZZ_SECONDS:-20}" -rss_limit_mb=4096 -timeout=20 -print_final_stats=0 \
        -artifact_prefix="$corpus/$name/"
done
