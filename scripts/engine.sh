#!/usr/bin/env bash
# engine.sh spark|slurm|dask|moto: gets what runs that engine on this machine, for the couriers' conformance test and for
# clusters of one's own; moto is none, and serves S3 to a cluster's store. Says first what it installs; does nothing when
# all is there. Packages of Python go into target/engines/NAME, at the versions that
# sandbox/couriers/requirements-NAME.txt pins.
set -eu
cd "$(dirname "$0")/.."
engine=${1:-}
place="${CARGO_TARGET_DIR:-$PWD/target}/engines/$engine"
pins=sandbox/couriers/requirements-$engine.txt

missing() { echo "MISSING: $1" >&2; exit 1; }
has() { PATH="$PATH:/usr/sbin" command -v "$1"; }

# A Debian package, and how its presence is seen.
packages=()
need() {
    "${@:2}" > /dev/null 2>&1 || packages+=("$1")
}
case "$engine" in
    spark)
        need openjdk-17-jre-headless has java
        need python3-venv python3 -c 'import ensurepip, venv'
        ;;
    slurm)
        need slurmctld has slurmctld
        need slurmd has slurmd
        need slurm-client has sbatch
        need munge has munged
        ;;
    dask | moto) need python3-venv python3 -c 'import ensurepip, venv' ;;
    *) echo "usage: $0 spark|slurm|dask|moto" >&2; exit 2 ;;
esac
mkdir -p "$place"
exec 9> "$place/.lock"
flock 9

if [ "${#packages[@]}" -gt 0 ]; then
    [ -e /etc/debian_version ] && has apt-get > /dev/null && [ "$(id -u)" = 0 ] ||
        missing "${packages[*]}: install them with the system's package manager"
    echo "Installing with apt-get: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { timeout 300 apt-get update && timeout 900 apt-get install -y --no-install-recommends "${packages[@]}"; } \
        > "$place/apt.log" 2>&1 < /dev/null || missing "${packages[*]} (see $place/apt.log)"
fi

if [ -e "$pins" ] && ! cmp -s "$pins" "$place/installed.txt"; then
    echo "Installing with pip, into $place: $(grep -v '^#' "$pins")"
    rm -rf "$place/bin" "$place/lib"
    { python3 -m venv "$place" && "$place/bin/python" -m pip --disable-pip-version-check --quiet install -r "$pins"; } \
        > "$place/pip.log" 2>&1 || missing "what $pins names (see $place/pip.log)"
    cp "$pins" "$place/installed.txt"
fi
