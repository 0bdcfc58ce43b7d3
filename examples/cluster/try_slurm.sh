#!/bin/bash
# Trains a zoo under a real Slurm of two nodes on this machine, as an array of jobs of which one is
# stopped and requeued in the middle, and compares the store with that of one process.
#
#     apt-get install slurm-wlm munge        # as root, on Debian
#     examples/cluster/try_slurm.sh          # as root: daemons of its own, in a temporary folder
#
# Needs `modeltrail` on the PATH. Prints what it does; exit status 0 if the stores are the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d /tmp/slurm.XXXXXX)
cleanup() {
    [ -n "${pids:-}" ] && kill $pids 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$home"
}
trap cleanup EXIT
mkdir -m 755 -p "$home"/{state,one,two,zoos}
chmod 755 "$home"
dd if=/dev/urandom of="$home/munge.key" bs=1 count=1024 status=none
chmod 400 "$home/munge.key"

host=$(hostname -s)
cat >"$home/slurm.conf" <<CONF
ClusterName=trial
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge.socket
CredType=cred/munge
StateSaveLocation=$home/state
SlurmctldPidFile=$home/slurmctld.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdSpoolDir=$home/%n
SlurmdPidFile=$home/%n.pid
SlurmdLogFile=$home/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
MinJobAge=600
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=16001 CPUs=1 State=UNKNOWN
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=16002 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=one,two Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$home/slurm.conf

munged --foreground --force --key-file="$home/munge.key" --socket="$home/munge.socket" \
    --pid-file="$home/munge.pid" --seed-file="$home/munge.seed" --log-file="$home/munge.log" 2>/dev/null &
pids=$!
sleep 1
slurmctld -D -i >/dev/null 2>&1 &
pids="$pids $!"
for node in one two; do
    slurmd -D -N "$node" >/dev/null 2>&1 &
    pids="$pids $!"
done
for _ in $(seq 30); do
    [ "$(sinfo --noheader --states=idle --format=%D 2>/dev/null)" = 2 ] && break
    sleep 1
done
sinfo

zoo=(mlp --seeds 40 --epochs 20)
job=$(sbatch --parsable --array=1-4 --output="$home/%a.log" \
    "$here/zoo.sbatch" "${zoo[0]}" "$home/zoos/array" "${zoo[@]:1}")
for _ in $(seq 100); do
    [ -e "$home/zoos/array/shard-00000-epoch-000003.segment" ] && break
    sleep 0.1
done
scontrol requeue "${job}_1" && echo "requeued part 1 in the middle"
for _ in $(seq 600); do
    [ -z "$(squeue --noheader --jobs="$job" 2>/dev/null)" ] && break
    sleep 1
done
for part in 1 2 3 4; do
    scontrol show job "${job}_$part" | tr ' ' '\n' |
        grep -xE 'ArrayTaskId=.*|JobState=.*|Restarts=.*|NodeList=.*' | paste -s -d ' '
done
modeltrail zoo train "${zoo[0]}" --out "$home/zoos/alone" "${zoo[@]:1}" >/dev/null
modeltrail zoo ls "$home/zoos"
diff -r "$home/zoos/array" "$home/zoos/alone" && echo "the same bytes"
