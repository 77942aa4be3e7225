#!/usr/bin/env bash
# A Slurm of two nodes, of Debian's packages; needs root. What is common to all: common.sh.
. "$(dirname "$0")/common.sh"
export PATH=$PATH:/usr/sbin SLURM_CONF=$dir/slurm.conf

# Each has a host name of its own: that is how Debian's slurmd knows which node it is.
named() { echo "hostname $1 && exec ${*:2}"; }

lacks() {
    { command -v slurmctld && command -v slurmd && command -v sbatch && command -v munged; } > /dev/null ||
        echo "Slurm is not installed: scripts/engine.sh slurm"
    [ "$(id -u)" = 0 ] || echo "Slurm's daemons need root"
}

head() {
    mkdir -p "$dir/head" "$dir/folder"
    [ -e "$dir/munge.key" ] || (umask 077 && openssl rand -out "$dir/munge.key" 1024)
    [ -e "$dir/slurm.conf" ] || configure
    start munge munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge" \
        --pid-file="$dir/munge.pid" --seed-file="$dir/munge.seed"
    until_it test -S "$dir/munge"
    start head unshare --uts sh -c "$(named head slurmctld -D -i)"
}

node() {
    mkdir -p "$dir/node$1"
    # shellcheck disable=SC2046
    start "node$1" $(within "$1") unshare --uts sh -c "$(named "node$1" slurmd -D)"
}

# None is unknown, down or, which a star says, silent.
all_there() { scontrol ping && ! sinfo --noheader --format=%t | grep 'unk\|down\|\*'; }

ready() {
    until_it all_there
    sed "s/^SlurmctldPort=.*/SlurmctldPort=$(free_port)/" "$dir/slurm.conf" > "$dir/astray.conf"
    line slurm.conf > "$dir/courier"
    line astray.conf > "$dir/astray"
}

line() { printf '%s\n' env "SLURM_CONF=$dir/$1" python3 "$here/slurm_courier.py" --folder "$dir/folder"; }

# Nodes are given up after 15 seconds, and tasks start as soon as there is room.
configure() {
    printf '#!/bin/sh\necho "export UNSEEN_NODE=%s/$SLURMD_NODENAME.sock"\n' "$dir" > "$dir/prolog"
    chmod +x "$dir/prolog"
    cat > "$dir/slurm.conf" << CONF
ClusterName=unseen
SlurmctldHost=head($(address 0))
SlurmctldPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge
CredType=cred/munge
StateSaveLocation=$dir/head
SlurmdSpoolDir=$dir/%n
SlurmctldPidFile=$dir/head/pid
SlurmdPidFile=$dir/%n/pid
TaskProlog=$dir/prolog
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=5
SlurmdTimeout=15
ReturnToService=2
MpiDefault=none
PrivateData=jobs,usage,nodes
NodeName=node1 NodeAddr=$(address 1) Port=$(free_port) CPUs=2 State=UNKNOWN
NodeName=node2 NodeAddr=$(address 2) Port=$(free_port) CPUs=2 State=UNKNOWN
PartitionName=all Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
CONF
}

main "$@"
