#!/usr/bin/env bash
# Runs every scenario of the gallery with the real `unseen` in one lab, and measures what is released against the
# plain answer.
#
#   GALLERY_DIR  folder to run in (default: a temporary one, removed at the end); it must not be there yet
#
# With names, those scenarios alone: demo/gallery.sh water-use
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${CARGO_TARGET_DIR:-$root/target}/debug
[[ $bin = /* ]] || bin=$root/$bin
# The tools of jobs in Python and JavaScript, where `make verifiers` has put them.
verifiers=${bin%/debug}/verifiers
export PATH=$bin:$PATH:$verifiers/venv/bin:$verifiers/node/node_modules/.bin
command -v unseen > /dev/null && command -v unseen-demo > /dev/null || { echo "gallery: build first: make setup" >&2; exit 1; }

gallery=$root/guest-sdk/examples/gallery
if [[ -n ${GALLERY_DIR-} ]]; then
    place=$GALLERY_DIR
    [[ ! -e $place ]] || { echo "gallery: $place is there already; give another folder in GALLERY_DIR" >&2; exit 1; }
    mkdir -p "$place"
else
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
fi
cd "$place"
export UNSEEN_LAB=lab
unset UNSEEN_KEY

# A field of an answer in JSON that is a text or a number.
field() { sed -n "s/.*\"$1\":\\s*\"\\?\\([^\",}]*\\)\"\\?.*/\\1/p" "$2" | head -n 1; }

{
    for who in owner steward company analyst operator; do unseen key new $who.pem; done
    unseen lab init lab --origin lab.wujin.example/gallery --owner owner.pem --name owner
    for who in steward analyst operator; do
        unseen person enroll --name $who --role $who --new-key $who.pem --key owner.pem
    done
    # Whoever answers for a company's own rows is a steward too.
    unseen person enroll --name company --role steward --new-key company.pem --key owner.pem
    # Two operators. Results appear at once, and budgets last for every scenario: neither is for a real lab.
    unseen policy show > policy.toml
    sed -i -e 's/^approvals = .*/approvals = 2/' -e 's/^release_now = .*/release_now = true/' \
        -e 's/^analyst = .*/analyst = "20"/' -e 's/^domain = .*/domain = "20"/' policy.toml
    unseen policy set policy.toml --key owner.pem
} > setup.txt

# Numbers are totals and ratios; clear are those that are not mostly noise: half the 95 % interval is less than half
# the true number. Errors are of these, in per cent. Seconds are of processor time, from writing the tables to the
# comparison, so that other work on the machine does not count.
printf '%-16s %7s %6s %6s %6s %7s %6s %7s %7s %5s\n' scenario rows units groups rho numbers clear median worst s
# Hundredths of a second of processor time that commands have taken, as `times` says it.
spent() {
    local one all=0 minutes seconds
    for one in $(tail -n 1); do
        minutes=${one%m*} seconds=${one#*m}
        seconds=${seconds%s}
        all=$((all + minutes * 6000 + 10#${seconds%[.,]*} * 100 + 10#${seconds#*[.,]} / 10))
    done
    echo "$all"
}
# Whether one of the tools for a job's language is there; says so where none is.
has() {
    local tool
    for tool in "${@:2}"; do command -v "$tool" > /dev/null && return; done
    echo "SKIPPED: $1; ${*:2} is not installed: make verifiers" >&2
    [[ -z ${UNSEEN_REQUIRE_ALL-} ]] || exit 1
    return 1
}
# Builds a job that is code in the lab's folder, beside its tables.
build() {
    unseen job new "$1/job" --lang "$2" > /dev/null
    cp "$gallery/$1"/job.* "$1/job/"
    unseen job build "$1/job" > /dev/null
}
# Imports a table of a scenario: a department's, or what a company sends of its own, signed by its own key and open to
# one analyst.
register() {
    local rows
    rows=$1/$(basename "$2" .toml).csv
    case $rows in
        */power-sales.csv | */couriers.csv)
            unseen dataset import "$rows" --description "$2" --open-to analyst --key company.pem ;;
        *) unseen dataset import "$rows" --description "$2" --key steward.pem ;;
    esac
}
# Runs one scenario, and prints its line.
scenario() {
    local name=$1 of=$gallery/$1 start
    local table job rho measured rows units groups numbers clear median worst tenths
    times > times.txt
    start=$(spent < times.txt)
    unseen-demo gallery "$name" "$name" > /dev/null
    for table in "$of"/datasets/*.toml; do
        register "$name" "$table" > /dev/null
    done
    if [[ -e $of/job.py ]]; then
        has "$name" componentize-py || return 0
        build "$name" python
        of=$name/job
    elif [[ -e $of/job.js ]]; then
        has "$name" componentize-qjs || return 0
        build "$name" js
        of=$name/job
    elif [[ -e $of/job.c ]]; then
        has "$name" clang zig python-zig || return 0
        build "$name" c
        of=$name/job
    fi
    unseen --json job check "$of" > "$name/check.json"
    rho=$(field rho "$name/check.json")
    unseen --json job submit "$of" --key analyst.pem > "$name/submitted.json"
    job=$(field job "$name/submitted.json")
    unseen job approve "$job" --key owner.pem > /dev/null
    unseen job approve "$job" --key operator.pem > /dev/null
    unseen job run "$job" --key operator.pem > /dev/null
    unseen job release "$job" --csv "$name/release.csv" --key analyst.pem > /dev/null
    measured=$(unseen-demo gallery-truth "$name" "$name" "$name/release.csv")
    read -r rows units groups numbers clear median worst <<< "$measured"
    times > times.txt
    tenths=$((($(spent < times.txt) - start) / 10))
    printf '%-16s %7s %6s %6s %6s %7s %6s %7s %7s %5s\n' "$name" "$rows" "$units" "$groups" "$rho" \
        "$numbers" "$clear" "$median" "$worst" "$((tenths / 10)).$((tenths % 10))"
}
[[ $# -gt 0 ]] || set -- $(cd "$gallery" && ls)
for name in "$@"; do scenario "$name"; done
