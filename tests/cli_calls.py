"""Calling the command line as a user does."""

import subprocess
import sys

from click.testing import CliRunner

from ptmrec.cli import main


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def modules_after(*arguments):
    code = (
        "import sys; from ptmrec.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "names = {'torch', 'torch._dynamo', 'pandas', 'scipy', 'open_clip', 'torchvision', 'timm'};"
        "print(sorted(names & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    return done.stdout.splitlines()[-1] if done.returncode == 0 else done.stderr
