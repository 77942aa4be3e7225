#!/usr/bin/env bash
# Gets what the tests use from outside: tools of the system, libraries by others at the versions that
# tests/verifiers/ pins, and cargo-deny. Says what it installs; does nothing when all is there. What cannot be
# had is said in a line each, and is no error: the tests that need it say so too.
set -u
cd "$(dirname "$0")/.."
pins=tests/verifiers
place="${CARGO_TARGET_DIR:-$PWD/target}/verifiers"
mkdir -p "$place"
exec 9> "$place/.lock"
flock 9

missing() { echo "MISSING: $1" >&2; }
has() { command -v "$1" > /dev/null; }

# A Debian package, and how its presence is seen.
packages=()
need() {
    "${@:2}" > /dev/null 2>&1 || packages+=("$1")
}
library() { compgen -G "/usr/lib/*/$1" || compgen -G "/usr/lib/$1"; }
need age has age-keygen
need golang-go has go
need golang-golang-x-mod-dev test -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
need strace has strace
need faketime library 'faketime/libfaketime.so*'
need swtpm has swtpm
need swtpm-tools has swtpm_setup
need tpm2-tools has tpm2_quote
need libtss2-tcti-swtpm0 library 'libtss2-tcti-swtpm.so*'
need softhsm2 has softhsm2-util
need slowhttptest has slowhttptest
need opensc has pkcs11-tool
need chromium has chromium
need fonts-wqy-zenhei test -e /usr/share/fonts/truetype/wqy
need openssl has openssl
need openssh-client has ssh-keygen
need python3-venv python3 -c 'import ensurepip, venv'
if [ "${#packages[@]}" -gt 0 ]; then
    if [ -e /etc/debian_version ] && has apt-get && [ "$(id -u)" = 0 ]; then
        echo "Installing with apt-get: ${packages[*]}"
        export DEBIAN_FRONTEND=noninteractive
        {
            timeout 300 apt-get update
            # All at once, or else as many as can be had.
            timeout 900 apt-get install -y --no-install-recommends "${packages[@]}" ||
                for package in "${packages[@]}"; do
                    timeout 300 apt-get install -y --no-install-recommends "$package"
                done
        } > "$place/apt.log" 2>&1 < /dev/null
        for package in "${packages[@]}"; do
            dpkg -s "$package" > /dev/null 2>&1 || missing "$package (see $place/apt.log)"
        done
    else
        missing "${packages[*]}: install them with the system's package manager"
    fi
fi

# Whether the files of pins are other than at the last success, which is then noted.
changed() {
    [ "$(cat "${@:2}" | cksum)" != "$(cat "$place/$1.pins" 2> /dev/null)" ]
}
settle() { cat "${@:2}" | cksum > "$place/$1.pins"; }

python=$place/venv/bin/python
if changed python $pins/requirements.txt $pins/alone.txt || ! "$python" -c '' 2> /dev/null; then
    rm -rf "$place/venv"
    pip() { "$python" -m pip --disable-pip-version-check --quiet install "$@" >> "$place/pip.log" 2>&1; }
    if ! has python3 || ! python3 -m venv "$place/venv" > "$place/pip.log" 2>&1; then
        missing "a Python that can make a virtual environment"
    else
        whole=yes
        pip -r $pins/requirements.txt || while read -r pin; do
            case "$pin" in '' | '#'*) continue ;; esac
            pip "$pin" || { missing "$pin (see $place/pip.log)"; whole=no; }
        done < $pins/requirements.txt
        pip --no-deps --ignore-requires-python -r $pins/alone.txt ||
            { missing "the witness, and diffprivlib (see $place/pip.log)"; whole=no; }
        [ $whole = no ] || settle python $pins/requirements.txt $pins/alone.txt
    fi
fi

if changed node $pins/package.json || ! [ -d "$place/node/node_modules" ]; then
    rm -rf "$place/node"
    mkdir -p "$place/node"
    cp $pins/package.json "$place/node/"
    if ! has node || ! has npm; then
        missing "Node.js with npm"
    elif (cd "$place/node" && npm install --no-fund --no-audit --no-package-lock --ignore-scripts) > "$place/npm.log" 2>&1; then
        settle node $pins/package.json
    else
        missing "@sigstore/verify, oidc-provider, playwright-core, axe-core and ro-crate (see $place/npm.log)"
    fi
fi

if ! has cargo-deny && ! [ -x "$place/cargo/bin/cargo-deny" ]; then
    echo "Installing with cargo, into $place: cargo-deny"
    # In the development profile: it is run once a build, and takes a moment either way.
    CARGO_TARGET_DIR=$place/cargo-deny cargo install --locked --debug --root "$place/cargo" cargo-deny \
        > "$place/cargo.log" 2>&1 || missing "cargo-deny (see $place/cargo.log)"
    rm -rf "$place/cargo-deny"
fi

logcheck=$pins/logcheck/main.go
if changed go $logcheck || ! [ -x "$place/logcheck" ]; then
    rm -f "$place/logcheck"
    if ! has go || ! [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]; then
        missing "Go with golang.org/x/mod in /usr/share/gocode"
    elif (cd $pins/logcheck && GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode go build -o "$place/logcheck" .) > "$place/go.log" 2>&1; then
        settle go $logcheck
    else
        missing "the log verifier in Go, which does not build (see $place/go.log)"
    fi
fi
exit 0
