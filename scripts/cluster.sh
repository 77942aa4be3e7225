#!/usr/bin/env bash
# Tries a run on two nodes on this machine: a lab with the demo's rows, an engine (or none), a job, the same job derived
# in one process, and whether both are the same bytes. Everything is in the folder cluster-lab (or CLUSTER_DIR). With a
# fault, the job is one of six rounds, and sandbox/couriers/faults.py says what becomes of a node meanwhile; with STORE=s3
# what nodes read is in a bucket of moto, a server of S3, and this builds unseen with the feature s3.
set -euo pipefail
cd "$(dirname "$0")/.."
engine=${1:-local} fault=${2:-}
target="${CARGO_TARGET_DIR:-$PWD/target}"
unseen=$target/debug/unseen
couriers=$PWD/sandbox/couriers
dir=${CLUSTER_DIR:-$PWD/cluster-lab}
case $engine in
local) ;;
spark | slurm | dask) scripts/engine.sh "$engine" ;;
*) echo "ENGINE is local, spark, slurm or dask, not $engine" >&2; exit 2 ;;
esac
case $fault in
'' | kill | freeze | twice) ;;
cut)
    [ "$engine" != local ] || { echo "without an engine nothing goes over a network that could be cut" >&2; exit 2; }
    export UNSEEN_NET=1
    ;;
*) echo "FAULT is kill, freeze, cut or twice, not $fault" >&2; exit 2 ;;
esac
if [ -n "$fault" ] && [ "$(id -u)" != 0 ]; then
    echo "a fault needs root: whether a node has rows in hand is seen in its worker's memory" >&2
    exit 2
fi
if [ -e "$dir" ]; then
    echo "$dir is there already: remove it, or set CLUSTER_DIR" >&2
    exit 1
fi
if [ -n "$fault" ] && [ "${STORE:-folder}" != folder ]; then
    echo "a fault is tried with STORE=folder: what became of tasks is seen there" >&2
    exit 2
fi
store=$dir/store
case ${STORE:-folder} in
folder) ;;
s3)
    scripts/engine.sh moto
    cargo build --package unseen --features s3
    store=s3://unseen/lab
    ;;
*) echo "STORE is folder or s3, not $STORE" >&2; exit 2 ;;
esac
mkdir -p "$dir"
cd "$dir"
# Sockets have short names.
sockets=$(mktemp -d)
agents=()
end() {
    [ "$engine" = local ] || "$couriers/cluster/$engine.sh" down "$sockets" > "$dir/engine-down.log" 2>&1 || true
    [ "${#agents[@]}" -eq 0 ] || kill -9 "${agents[@]}" 2> /dev/null || true
    rm -rf "$sockets"
}
trap end EXIT

say() { printf '\n== %s\n' "$*"; }
export UNSEEN_LAB=$dir/lab
person() {
    "$unseen" --json key new "$1.pem" > /dev/null
    "$unseen" --json person enroll --name "$1" --role "$2" --new-key "$1.pem" --key owner.pem > /dev/null
}

say "A lab with the demo's enterprises"
# With a fault there are more of them, so that nodes have rows in hand for a while.
enterprises=20000
[ -z "$fault" ] || enterprises=100000
"$target/debug/unseen-demo" district --out data --seed 1 --months 1 --enterprises $enterprises > /dev/null
"$unseen" --json key new owner.pem > /dev/null
"$unseen" --json lab init lab --origin cluster.example/try --owner owner.pem > /dev/null
person steward steward
person analyst analyst
person operator operator
cat > policy.toml << 'P'
approvals = 1
delta = 1e-6
release_now = true
[caps]
dataset = "10"
analyst = "10"
job = "5"
P
"$unseen" --json policy set policy.toml --key owner.pem > /dev/null
import() {
    "$unseen" --json dataset import data/enterprises.csv --description data/enterprises.toml --key steward.pem |
        python3 -c 'import json, sys; told = json.load(sys.stdin); print(json.dumps([told["buckets"], told["quality"]]))'
}
import > imported-alone

if [ "$store" = s3://unseen/lab ]; then
    say "A bucket"
    port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # Over TLS, with a certificate that nobody else knows.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout moto.key -out moto.crt 2> openssl.log
    export AWS_ENDPOINT=https://127.0.0.1:$port AWS_REGION=us-east-1 SSL_CERT_FILE=$dir/moto.crt
    export AWS_ACCESS_KEY_ID=unseen AWS_SECRET_ACCESS_KEY=not-a-secret
    "$target/engines/moto/bin/moto_server" --port "$port" --ssl-cert moto.crt --ssl-key moto.key > moto.log 2>&1 &
    agents+=($!)
    make_bucket='import sys, urllib.request as web; web.urlopen(web.Request(sys.argv[1], method="PUT"))'
    for _ in $(seq 60); do
        python3 -c "$make_bucket" "$AWS_ENDPOINT/unseen" 2> bucket.log && break
        sleep 0.5
    done
    echo "$store at $AWS_ENDPOINT"
fi

say "Two nodes, enrolled"
"$unseen" --json lab show > lab.json
for n in 1 2; do
    "$unseen" --json --lab lab.json node init "node$n" > /dev/null
    "$unseen" --json node enroll "node$n/node$n.node" --key owner.pem > /dev/null
    "$unseen" node serve "node$n" --store "$store" --socket "$sockets/node$n.sock" > "node$n.log" 2>&1 &
    agents+=($!)
    disown
    echo "${agents[-1]}" > "$sockets/node$n.pid"
done
"$unseen" node list

say "The engine: $engine"
if [ "$engine" = local ]; then
    courier=(python3 "$couriers/local_courier.py" "$sockets/node1.sock" "$sockets/node2.sock")
else
    "$couriers/cluster/$engine.sh" up "$sockets"
    mapfile -t courier < "$sockets/courier"
fi
# With a fault, tasks are soon late, and what the courier carries is noted.
tick=1 late=30
case $fault in
kill | freeze | cut) late=6 ;;
twice) tick=2 late=1 ;;
esac
cp lab/lab.toml lab.toml
# spread LATE COURIER...
spread() {
    {
        cat lab.toml
        printf '\n[cluster]\nstore = "%s"\ntick_seconds = %s\nlate_seconds = %s\n' "$store" $tick "$1"
        printf 'slice_bytes = %s\n' $((enterprises * 10))
        printf 'environment = ["SLURM_CONF", "JAVA_HOME", "SPARK_LOCAL_IP", "PYSPARK_PYTHON"]\ncourier = ['
        printf '"%s", ' "${@:2}"
        printf ']\n'
    } > lab/lab.toml
}

say "The same rows, imported by the nodes"
spread 30 "${courier[@]}"
import > imported-by-nodes
cmp imported-alone imported-by-nodes
echo "the same buckets and the same quality"
if [ -n "$fault" ]; then
    tap=(env "UNSEEN_COURIER=$sockets" python3 "$couriers/tap.py" --notes "$sockets/notes")
    [ "$fault" != twice ] || tap+=(--twice)
    courier=("${tap[@]}" "${courier[@]}")
fi
spread $late "${courier[@]}"

say "A job, computed by the nodes"
mkdir job
if [ -n "$fault" ]; then
    model='[ready-made.model]
kind = "quantile"
of = { name = "land", lower = 0, upper = 1500 }
shares = [0.5]' columns='"town", "land"' value='"rank(0.5)", lower = -0.5, upper = 0.5, granularity = 0.0001' rounds=6
else
    model='' columns='"town"' value='"units", lower = 0, upper = 1, granularity = 1' rounds=1
fi
cat > job/job.toml << J
[job]
title = "Enterprises by town"
purpose = "Trying a run on two nodes"
module = "ready-made:sum"
release = "now"
[[input]]
dataset = "enterprises"
columns = [$columns]
$model
[grain]
kind = "unit"
[[output]]
name = "enterprises"
groups = [{ name = "town", keys = ["湖塘镇", "牛塘镇", "洛阳镇", "遥观镇", "横林镇", "横山桥镇"] }]
values = [{ name = $value }]
[privacy]
mechanism = "gaussian"
rho = 0.5
[limits]
rounds = $rounds
J
job=$("$unseen" --json job submit job --key analyst.pem | python3 -c 'import json, sys; print(json.load(sys.stdin)["job"])')
"$unseen" --json job approve "$job" --key operator.pem > /dev/null
run=("$unseen" job run "$job" --key operator.pem)
if [ -n "$fault" ]; then
    python3 "$couriers/faults.py" "$fault" "$engine" "$sockets" "${run[@]}"
else
    "${run[@]}"
fi

say "The same job, derived in one process"
"$unseen" audit replay "$job"
"$unseen" --json log export bundle > /dev/null
"$unseen" audit verify bundle > audit.txt || { cat audit.txt; exit 1; }
charged=$("$unseen" --json log show --kind run-started |
    python3 -c 'import json, sys; print(len(json.load(sys.stdin)["entries"]))')
[ "$charged" = 1 ] || { echo "charged $charged times" >&2; exit 1; }
printf '\nthe same bytes\n'
