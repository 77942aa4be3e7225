#!/usr/bin/env bash
# Runs the targets of fuzz/ under libFuzzer, one after the other, from their seeds, their corpora and what was found
# before. The target directory's folder fuzz/found/TARGET has what reached new code, fuzz/failures what a target failed
# on. With FUZZ_KEEP=1, the corpora in the repository are then made anew from themselves and what was found.
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

fuzz="$target/fuzz"
corpus() { cargo run --quiet --package unseen-fuzz --example corpus "$@"; }
options=(--fuzz-dir fuzz --features libfuzzer --target-dir "$fuzz/build" --sanitizer "${FUZZ_SANITIZER:-address}")
libfuzzer() { UNSEEN_FUZZ_TARGET=$name cargo +nightly fuzz run "${options[@]}" libfuzzer "$@" -rss_limit_mb=4096 -timeout=20; }
# An input of more than 8 KB, or beyond the 60 that reach most, is not worth its place in the repository.
keep() {
    local merged="$fuzz/merged/$name" files
    rm -rf "$merged"
    mkdir -p "$fuzz/merged"
    cp -r "$fuzz/seeds/$name" "$merged"
    find "$found" -type f -size +8k -delete
    # What is reached counts, and not how often. Files are written in the order of how much they add.
    libfuzzer "$merged" "$fuzz/corpus/$name" "$found" -- -set_cover_merge=1 -use_counters=0 -verbosity=2 \
        > "$merged.log" 2>&1 || missing "see $merged.log"
    mapfile -t files < <(awk '/^Written / && kept++ < 60 { print $NF }' "$merged.log")
    corpus pack "$name" "${files[@]}"
}

all=$(corpus unpack "$fuzz")
cargo +nightly fuzz build "${options[@]}" libfuzzer
mkdir -p "$fuzz/failures"
failed=()
for name in ${FUZZ_TARGETS:-$all}; do
    echo "== $name"
    found="$fuzz/found/$name"
    mkdir -p "$found"
    libfuzzer "$found" "$fuzz/seeds/$name" "$fuzz/corpus/$name" -- -max_total_time="${FUZZ_SECONDS:-20}" \
        -artifact_prefix="$fuzz/failures/$name-" || failed+=("$name")
    if [ -n "${FUZZ_KEEP:-}" ]; then keep; fi
done
[ ${#failed[@]} = 0 ] || missing "failed: ${failed[*]}; on what, says the folder $fuzz/failures"
