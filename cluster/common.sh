# What the jobs share; sourced by them in the project's folder, from which they are submitted.

export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 # more threads only fight for the cores
export PTMREC_PROGRESS="${PTMREC_PROGRESS:-plain}"
BIN="${BIN:-.venv/bin}"

# Runs a command and hands on SIGTERM (scancel, preemption). On SIGUSR1, which SLURM sends before the time is over,
# it ends the command and puts the job into the queue again; everything ptmrec finished is kept, and goes on from there.
run() {
	local child= code=0 stop= again=
	trap 'stop=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' TERM INT
	trap 'stop=yes again=yes; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true' USR1
	"$@" &
	child=$!
	[ -z "$stop" ] || kill -TERM "$child" 2>/dev/null || true # it came before there was a child
	wait "$child" || code=$?
	while [ -n "$stop" ]; do # a signal ends a wait, not the command: that is what the last one tells of
		stop= code=0
		wait "$child" || code=$?
	done
	if [ -n "$again" ]; then
		scontrol requeue "$SLURM_JOB_ID"
	fi
	return "$code"
}
