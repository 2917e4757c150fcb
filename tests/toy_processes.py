"""Two processes of one run, as a launcher starts them but without its seconds of imports."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_together(code: str, count: int = 2) -> list:
    """What each process has put into ``answer``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    whole = textwrap.dedent(code) + "\nimport json, sys\nsys.stdout.write('\\n' + json.dumps(answer))\n"
    file = Path(tempfile.mkdtemp()) / "whole.py"  # code in no file cannot be the work of a step
    file.write_text(whole)
    running = [
        subprocess.Popen(
            [sys.executable, str(file)],
            env={**environment, "RANK": str(place), "LOCAL_RANK": str(place), "WORLD_SIZE": str(count)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place in range(count)
    ]
    try:
        outputs = [process.communicate(timeout=300) for process in running]
    finally:
        for process in running:
            process.kill()
        shutil.rmtree(file.parent)
    assert [process.returncode for process in running] == [0] * count, outputs
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs]
