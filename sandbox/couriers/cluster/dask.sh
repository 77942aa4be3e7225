#!/usr/bin/env bash
# A Dask of two workers. What is common to all: common.sh.
. "$(dirname "$0")/common.sh"

lacks() { [ -x "$engines/dask/bin/dask" ] || echo "Dask is not installed: scripts/engine.sh dask"; }

head() {
    [ -e "$dir/port" ] || free_port > "$dir/port"
    start head "$engines/dask/bin/dask" scheduler --host "$(address 0)" --port "$(cat "$dir/port")" --no-dashboard
    until_it listening "$(cat "$dir/port")"
}

node() {
    # shellcheck disable=SC2046
    start "node$1" $(within "$1") "$engines/dask/bin/dask" worker "tcp://$(address 0):$(cat "$dir/port")" \
        --host "$(address "$1")" --no-dashboard --nworkers 1 --nthreads 2 --local-directory "$dir/node$1"
}

ready() {
    until_it grep -q 'Registered to' "$dir/node1.log"
    until_it grep -q 'Registered to' "$dir/node2.log"
    printf '%s\n' "$python" "$here/dask_courier.py" "tcp://$(address 0):$(cat "$dir/port")" > "$dir/courier"
    printf '%s\n' "$python" "$here/dask_courier.py" "tcp://127.0.0.1:$(free_port)" > "$dir/astray"
}

main "$@"
