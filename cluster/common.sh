# What the jobs share; sourced by them in the project's folder, from which they are submitted.

export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 # more threads only fight for the cores
export PTMREC_PROGRESS="${PTMREC_PROGRESS:-plain}"
BIN="${BIN:-.venv/bin}"

# Runs a command and hands on SIGTERM (scancel, preemption). On SIGUSR1, which SLURM sends before the time is over,
# it ends the command and puts the job into the queue again; everything ptmrec finished is kept, and goes on from there.
run() {
	local child code=0 again=
	"$@" &
	child=$!
	trap 'kill -TERM "$child" 2>/dev/null' TERM INT
	trap 'again=yes; kill -TERM "$child" 2>/dev/null' USR1
	wait "$child" || code=$?
	while kill -0 "$child" 2>/dev/null; do # a signal ends the first wait, not the command
		code=0
		wait "$child" || code=$?
	done
	if [ -n "$again" ]; then
		scontrol requeue "$SLURM_JOB_ID"
	fi
	return "$code"
}
