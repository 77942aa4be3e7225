# What the clusters for tests share; sourced by NAME.sh, which says how to start the engine's head and a node:
#
#   NAME.sh up DIR        Starts what is not there of a head and two nodes on 127.0.0.1, everything in DIR, which
#                         has no long name. DIR/courier says the courier's command, an argument a line;
#                         DIR/astray the same with an address where nobody is. Node N has its agent at
#                         DIR/nodeN.sock. Ends with 3 and says why when the engine cannot run here.
#   NAME.sh kill DIR N    kill -9 for all of node N: the engine's processes, executors, tasks.
#   NAME.sh freeze DIR N  Stops it as it stands; thaw lets it go on.
#   NAME.sh cut DIR N     Lets all packets from and to node N vanish, as a broken network does; heal lets them through.
#   NAME.sh down DIR      Ends all.
#
# With UNSEEN_NET=1, which needs root, each node's part of the engine has a network of its own, 10.77.0.0/24 on a bridge,
# so that it can be cut off; there is one such cluster at a time. Sockets of agents are files, and stay.
#
# A node's processes are known by their environment, which engines hand on to what they start.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
engines=${CARGO_TARGET_DIR:-$here/../../target}/engines
verb=${1:-} dir=$(realpath -m "${2:?usage: $0 up|down DIR, or kill|freeze|thaw|cut|heal DIR N}")
python=$engines/$(basename "$0" .sh)/bin/python

net=${UNSEEN_NET:-}
bridge=unseen-br

# Where the head (0) and nodes are.
address() { if [ -n "$net" ]; then echo "10.77.0.$(($1 + 1))"; else echo 127.0.0.1; fi; }

# What stands before a command of node N.
# By nsenter, which leaves /sys as it is: slurmd wants its cgroups there.
within() { [ -z "$net" ] || echo "nsenter --net=/run/netns/unseen$1"; }

network() {
    [ "$(id -u)" = 0 ] || { echo "networks for nodes need root"; exit 3; }
    ip link add $bridge type bridge
    ip link set $bridge up
    ip address add "$(address 0)/24" dev $bridge
    local n
    for n in 1 2; do
        ip netns add "unseen$n"
        ip link add "unseen-n$n" type veth peer name eth0 netns "unseen$n"
        ip link set "unseen-n$n" master $bridge up
        ip -n "unseen$n" address add "$(address "$n")/24" dev eth0
        ip -n "unseen$n" link set eth0 up
        ip -n "unseen$n" link set lo up
    done
}

no_network() {
    ip netns delete unseen1 || true
    ip netns delete unseen2 || true
    ip link delete $bridge || true
}

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

listening() { python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)' "$(address 0)" "$1"; }

main() {
    case "$verb" in
        up)
            local why
            why=$(lacks)
            [ -z "$why" ] || { echo "$why"; exit 3; }
            mkdir -p "$dir/tmp"
            [ -z "$net" ] || [ -e "/sys/class/net/$bridge" ] || network
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
        cut) ip link set "unseen-n$3" nomaster ;;
        heal) ip link set "unseen-n$3" master $bridge ;;
        down)
            while [ -n "$(with "UNSEEN_CLUSTER=$dir")" ]; do signal KILL "UNSEEN_CLUSTER=$dir"; sleep 0.1; done
            [ -z "$net" ] || no_network
            ;;
        *) echo "usage: $0 up|down DIR, or kill|freeze|thaw|cut|heal DIR N" >&2; exit 2 ;;
    esac
}
