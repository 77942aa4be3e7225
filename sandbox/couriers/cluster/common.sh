# What the clusters for tests share; sourced by NAME.sh, which says how to start the engine's head and a node:
#
#   NAME.sh up DIR        Starts what is not there of a head and two nodes on 127.0.0.1, everything in DIR, which
#                         has no long name. DIR/courier says the courier's command, an argument a line;
#                         DIR/astray the same with an address where nobody is. Node N has its agent at
#                         DIR/nodeN.sock. Ends with 3 and says why when the engine cannot run here.
#   NAME.sh kill DIR N    kill -9 for all of node N: the engine's processes, executors, tasks.
#   NAME.sh freeze DIR N  Stops it as it stands; thaw lets it go on.
#   NAME.sh down DIR      Ends all.
#
# A node's processes are known by their environment, which engines hand on to what they start.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
engines=${CARGO_TARGET_DIR:-$here/../../target}/engines
verb=${1:-} dir=$(realpath -m "${2:?usage: $0 up|down DIR, or kill|freeze|thaw DIR N}")
python=$engines/$(basename "$0" .sh)/bin/python

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The processes that have that variable.
with() { grep -lsxzF "$1" /proc/[0-9]*/environ | cut -d/ -f3; }

signal() {
    local pid
    for pid in $(with "$2"); do
        # It may have ended meanwhile.
        kill -"$1" "$pid" 2> /dev/null || true
    done
}

# Starts a process of the cluster's, apart from this one, with its words in a log of that name.
start() {
    local name=$1
    shift
    UNSEEN_CLUSTER=$dir TMPDIR=$dir/tmp setsid "$@" > "$dir/$name.log" 2>&1 < /dev/null &
}

# Tries a command each half second, up to 30 seconds.
until_it() {
    local i
    for i in $(seq 60); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.5
    done
    echo "no cluster after 30 seconds; see the logs in $dir" >&2
    exit 1
}

listening() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1"; }

main() {
    case "$verb" in
        up)
            local why
            why=$(lacks)
            [ -z "$why" ] || { echo "$why"; exit 3; }
            mkdir -p "$dir/tmp"
            [ -n "$(with "UNSEEN_NODE=head@$dir")" ] || UNSEEN_NODE=head@$dir head
            local n
            for n in 1 2; do
                [ -n "$(with "UNSEEN_NODE=$dir/node$n.sock")" ] || UNSEEN_NODE=$dir/node$n.sock node "$n"
            done
            ready
            ;;
        kill) signal KILL "UNSEEN_NODE=$dir/node$3.sock" ;;
        freeze) signal STOP "UNSEEN_NODE=$dir/node$3.sock" ;;
        thaw) signal CONT "UNSEEN_NODE=$dir/node$3.sock" ;;
        down) while [ -n "$(with "UNSEEN_CLUSTER=$dir")" ]; do signal KILL "UNSEEN_CLUSTER=$dir"; sleep 0.1; done ;;
        *) echo "usage: $0 up|down DIR, or kill|freeze|thaw DIR N" >&2; exit 2 ;;
    esac
}
