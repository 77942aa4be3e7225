#!/usr/bin/env bash
# cluster-test.sh [ENGINE...] [FAULT...]: tries the couriers with engines (all, if none is named) by their conformance
# test, and then a run on each with each fault (all, or those named), whose bytes are compared with a replay's. Gets the
# engines first. Ends at the first failure, and says where the logs are.
set -euo pipefail
cd "$(dirname "$0")/.."
engines=() faults=()
for word in "$@"; do
    case $word in
    kill | freeze | cut | twice) faults+=("$word") ;;
    *) engines+=("$word") ;;
    esac
done
[ "${#engines[@]}" -gt 0 ] || engines=(local dask spark slurm)
[ "${#faults[@]}" -gt 0 ] || faults=(kill freeze cut twice)
place=$(mktemp -d)
for engine in "${engines[@]}"; do
    if [ "$engine" != local ]; then
        scripts/engine.sh "$engine"
        python3 sandbox/couriers/conformance.py "$engine"
    fi
    for fault in "${faults[@]}"; do
        # Without an engine nothing goes over a network.
        [ "$engine-$fault" != local-cut ] || continue
        printf '%s, %s: ' "$engine" "$fault"
        begun=$SECONDS
        if ! CLUSTER_DIR=$place/$engine-$fault scripts/cluster.sh "$engine" "$fault" > "$place/$engine-$fault.log" 2>&1; then
            echo "FAILED; everything is in $place"
            tail -n 20 "$place/$engine-$fault.log"
            exit 1
        fi
        echo "the same bytes ($((SECONDS - begun)) s)"
        # What became of the node, and what was looked for.
        sed -n 's/^fault: /    /p' "$place/$engine-$fault.log"
    done
done
rm -rf "$place"
