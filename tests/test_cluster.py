"""The jobs of cluster/ without SLURM; cluster/check_slurm.sh submits them to a real one."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
JOBS = sorted((ROOT / "cluster").glob("*.sbatch"))


def toy_folder(folder: Path, command: str) -> Path:
    """A project's folder whose ``ptmrec``, ``accelerate`` and ``scontrol`` write down how they are called."""
    (folder / "cluster").mkdir()
    (folder / "cluster" / "common.sh").write_bytes((ROOT / "cluster" / "common.sh").read_bytes())
    for name in ("ptmrec", "accelerate", "scontrol"):
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        rest = command if name != "scontrol" else ""
        path.write_text(f'#!/bin/bash\necho "{name} $*, threads $OMP_NUM_THREADS" >> "{folder}/calls"\n{rest}\n')
        path.chmod(0o755)
    return folder


def start(job: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.Popen:
    bin = str(folder / "bin")
    names = {
        "BIN": bin,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(folder),
        "SLURM_JOB_ID": "70001",
    }
    return subprocess.Popen(["bash", str(job), *arguments], env={**os.environ, **names, **variables}, cwd="/")


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.is_file() else []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_jobs_run_on_one_thread_a_process_and_can_be_requeued(job, tmp_path):
    text = job.read_text()
    assert subprocess.run(["bash", "-n", str(job)]).returncode == 0
    assert {"--requeue", "--open-mode=append"} <= set(re.findall(r"^#SBATCH (\S+)", text, re.MULTILINE))
    done = start(job, toy_folder(tmp_path, "exit 3"), "--profile", "smoke", SLURM_CPUS_PER_TASK="2")
    assert done.wait(60) == 3, "the status of the command is the job's"
    (call,) = calls(tmp_path)
    assert call.endswith("--profile smoke, threads 1")


def test_training_takes_a_process_per_cpu(tmp_path):
    toy_folder(tmp_path, "")
    job = ROOT / "cluster" / "train.sbatch"
    start(job, tmp_path, "autoencoder", SLURM_CPUS_PER_TASK="2").wait(60)
    start(job, tmp_path, "autoencoder").wait(60)
    two, one = calls(tmp_path)
    assert "--num_processes 2" in two and "--multi_gpu --main_process_port 30001" in two
    assert "--num_processes 1" in one and "--multi_gpu" not in one


@pytest.mark.parametrize(("sent", "requeued"), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
def test_before_its_time_is_over_a_job_stops_its_command_and_queues_again(tmp_path, sent, requeued):
    toy_folder(tmp_path, "exec sleep 300")
    job = start(ROOT / "cluster" / "extract.sbatch", tmp_path)
    deadline = time.monotonic() + 60
    while not calls(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(sent)
    assert job.wait(60) == 128 + signal.SIGTERM
    assert any(call.startswith("scontrol requeue 70001") for call in calls(tmp_path)) == requeued
