#!/usr/bin/env bash
# Makes sure Rust can compile jobs for WebAssembly, and says in one line how.
#
# First choice: the target that rustup downloads. Where that cannot be reached, Debian's compiler and
# the standard library's source that Debian ships with it: the library is compiled once, into a
# folder of ours, where `unseen job build` looks for it. Doing it again costs nothing.
set -euo pipefail

target=wasm32-unknown-unknown
sysroot=${UNSEEN_WASM_SYSROOT:-$HOME/.cache/unseen/wasm-sysroot}
log=$(mktemp)
work=$(mktemp -d)
trap 'rm -rf "$work" "$log"' EXIT

fail() {
  echo "wasm target: $1" >&2
  tail -n 20 "$log" >&2
  exit 1
}

# The user's own toolchain.
own() {
  command -v rustc >/dev/null && [ -d "$(rustc --print target-libdir --target $target 2>/dev/null)" ]
}

if own; then
  echo "wasm target: ready ($(rustc --version | cut -d' ' -f1-2))"
  exit 0
fi
if [ -z "${UNSEEN_WASM_DEBIAN:-}" ] && command -v rustup >/dev/null; then
  if timeout 120 rustup target add $target >"$log" 2>&1 && own; then
    echo "wasm target: added by rustup"
    exit 0
  fi
fi

# The system's.
if [ -f "$sysroot/lib/rustlib/$target/complete" ] &&
  [ "$(cat "$sysroot/lib/rustlib/$target/complete")" = "$(/usr/bin/rustc --version 2>/dev/null)" ]; then
  echo "wasm target: ready ($(/usr/bin/rustc --version | cut -d' ' -f1-2), $sysroot)"
  exit 0
fi
command -v apt-get >/dev/null ||
  fail "rustup cannot add $target here, and this is not Debian; install the target by hand"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
packages=(rustc-web cargo-web rust-web-src lld)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  "${as_root[@]}" apt-get update -qq >"$log" 2>&1 || fail "apt-get update failed"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${packages[@]}" >"$log" 2>&1 || fail "cannot install ${packages[*]}"
fi

# A crate of nothing, compiled together with the standard library; what is kept is the library. The
# bitcode lets jobs be optimised across it.
mkdir -p "$work/src"
printf '[package]\nname = "nothing"\nversion = "0.0.0"\nedition = "2021"\n\n[profile.release]\npanic = "abort"\n' \
  >"$work/Cargo.toml"
: >"$work/src/lib.rs"
env -u RUSTC -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 \
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS='-C embed-bitcode=yes' \
  /usr/bin/cargo build --quiet --release --target $target -Z build-std=std,panic_abort \
  --manifest-path "$work/Cargo.toml" --target-dir "$work/target" >"$log" 2>&1 ||
  fail "the standard library does not compile for $target"

made=$sysroot.new
rm -rf "$made"
mkdir -p "$made/lib/rustlib/$target/lib"
find "$work/target/$target/release/deps" -name 'lib*.r*' ! -name 'libnothing-*' \
  -exec cp -t "$made/lib/rustlib/$target/lib" {} +
# Build scripts and macros are compiled for the host with the system's own library.
host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
ln -s "$(/usr/bin/rustc --print sysroot)/lib/rustlib/$host" "$made/lib/rustlib/$host"
/usr/bin/rustc --version >"$made/lib/rustlib/$target/complete"
rm -rf "$sysroot"
mv "$made" "$sysroot"
echo "wasm target: built from Debian's $(/usr/bin/rustc --version | cut -d' ' -f1-2) in $sysroot"
