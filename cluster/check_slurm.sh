#!/bin/bash
# Submits the jobs of this folder to a SLURM of its own on this machine (munged, slurmctld and slurmd in a temporary
# folder, which goes in the end): a task is cancelled, one is put into the queue again, and what --status says is
# missing is submitted again and merged. Installs Debian's packages where it may; takes about five minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

packages="slurmctld slurmd slurm-client munge"
if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "SLURM is not here; install: $packages" >&2
		exit 2
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

here=$(mktemp -d)
chmod 755 "$here"
pids=()
cleanup() {
	local pid
	scancel --quiet --user="$(id -un)" 2>/dev/null || true
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	rm -rf "$here"
}
trap cleanup EXIT

start_slurm() {
	local host cpus memory
	host=$(hostname -s)
	cpus=$(nproc --all)
	memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
	mkdir -m 755 "$here/munge"
	mkdir -m 700 "$here/key" "$here/state" "$here/spool"
	head -c 1024 /dev/urandom >"$here/key/munge.key"
	chmod 400 "$here/key/munge.key"
	munged --foreground --force --key-file="$here/key/munge.key" --socket="$here/munge/socket" \
		--pid-file="$here/key/pid" --log-file="$here/key/log" --seed-file="$here/key/seed" \
		>"$here/munged.log" 2>&1 &
	pids+=($!)
	cat >"$here/slurm.conf" <<CONF
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$here/munge/socket,cred_expire=10
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=10
SchedulerParameters=batch_sched_delay=1,sched_interval=2,requeue_delay=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=$((cpus < 2 ? 2 : cpus)) RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
	export SLURM_CONF="$here/slurm.conf"
	until [ -S "$here/munge/socket" ]; do sleep 0.2; done
	slurmctld -D -i >"$here/slurmctld.out" 2>&1 &
	pids+=($!)
	slurmd -D -N "$host" >"$here/slurmd.out" 2>&1 &
	pids+=($!)
	for _ in $(seq 60); do
		[ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && return
		sleep 1
	done
	echo "SLURM did not start:" >&2
	tail -n 20 "$here"/slurm*.log "$here"/*.out >&2
	exit 1
}

say() { printf '== %s\n' "$*"; }
submit() { sbatch --parsable --output="$here/%x-%a.log" "$@"; }
wait_for() { # JOB STATE: until a task is in a state, or is over
	until squeue --noheader --job="$1" --format=%T 2>/dev/null | grep -q "$2"; do
		squeue --noheader --job="$1" 2>/dev/null | grep -q . || return 0
		sleep 0.2
	done
}
finish() { # JOB: until nothing of it is in the queue
	while squeue --noheader --job="$1" 2>/dev/null | grep -q .; do sleep 1; done
}
expect() { # WHAT FOUND WANTED
	if [ "$2" != "$3" ]; then
		say "FAILED: $1 is '$2', expected '$3'"
		tail -n 5 "$here"/*.log >&2
		exit 1
	fi
	say "$1: '$2'"
}

start_slurm
say "$(sinfo --version), $(sinfo --noheader)"
# Without dropout, which two processes draw otherwise than one.
common=(--profile smoke --set autoencoder.dropout=0 --set "paths.artifacts=$here/artifacts")
ptmrec=(.venv/bin/ptmrec "${common[@]}")

say "extract: an array from 1; one task is cancelled, another one told that its time is nearly over"
job=$(submit --array=1-3 cluster/extract.sbatch "${common[@]}")
wait_for "${job}_2" RUNNING
wait_for "${job}_1" RUNNING
sleep 2
scancel --batch --signal=USR1 "${job}_1"
scancel "${job}_2"
finish "$job"
cat "$here"/ptmrec-extract-*.log
missing=$("${ptmrec[@]}" extract --status) && status=0 || status=$?
expect "missing shards" "$missing" 1
expect "exit status of --status" "$status" 1
"${ptmrec[@]}" extract --merge 2>"$here/merge.err" && status=0 || status=$?
expect "exit status of a merge with a gap" "$status" 2
cat "$here/merge.err"
finish "$(submit --array="$missing" cluster/extract.sbatch "${common[@]}")"
"${ptmrec[@]}" extract --status && status=0 || status=$?
expect "exit status of --status when all are there" "$status" 0
"${ptmrec[@]}" extract --merge
.venv/bin/ptmrec --profile smoke --set autoencoder.dropout=0 --set "paths.artifacts=$here/one" extract
diff -r "$here/artifacts/model_tokens" "$here/one/model_tokens"
say "the model tokens are those of one machine, bit by bit"

say "train: two processes"
rm -r "$here/artifacts/autoencoder" "$here/artifacts/steps/autoencoder.json"
finish "$(submit --cpus-per-task=2 --mem=2G cluster/train.sbatch autoencoder "${common[@]}")"
tail -n 2 "$here"/ptmrec-train-*.log
curve() { sed -n 's/.*"\(train\|validation\)_loss": \(.*\),/\2/p' "$1/autoencoder/autoencoder_history.json"; }
paste <(curve "$here/artifacts") <(curve "$here/one") |
	awk '{d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d} END {print "largest difference of the losses:", m; exit NR < 4 || m > 1e-5}'

say "zoo: a toy of three models"
PYTHONPATH=tests .venv/bin/python - "$here/images" <<'PYTHON'
import json
import sys
from pathlib import Path

from conftest import write_image_set, write_index

folder = Path(sys.argv[1])
write_image_set(folder / "toy.npz")
write_index(folder)
role = {"role": "train", "reason": "a toy"}
groups = {"datasets": {"toy": role}, "sources": {"toy": role}, "families": {"vgg": role}}
(folder / "splits.json").write_text(json.dumps(groups))
PYTHON
toy=(--images "$here/images")
for setting in "paths.artifacts=$here/artifacts" "paths.splits=$here/images/splits.json" zoo.families=vgg \
	zoo.sizes=small zoo.sources=toy zoo.mixture= zoo.steps=2 ground_truth.steps=2 ground_truth.draws=2; do
	toy+=(--set "$setting")
done
finish "$(submit --array=0,2 --mem=2G cluster/zoo.sbatch --shards 3 "${toy[@]}")"
missing=$(.venv/bin/ptmrec zoo build "${toy[@]}" --status) || true
expect "missing shards" "$missing" 1
finish "$(submit --array="$missing" --mem=2G cluster/zoo.sbatch "${toy[@]}")"
.venv/bin/ptmrec zoo build "${toy[@]}" --status && status=0 || status=$?
expect "exit status of --status when all are there" "$status" 0
say "all as it should be"
