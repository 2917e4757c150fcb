"""Where tests write: no test reads what a run has left in this clone, nor writes there.

Outputs, of any profile, go to a folder of their own. The file that the variable names counts on top of config.ini, in
the commands that tests start too.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

OUTPUTS = Path(tempfile.mkdtemp(prefix="ptmrec-tests-"))
atexit.register(shutil.rmtree, OUTPUTS, ignore_errors=True)
(OUTPUTS / "outputs.ini").write_text("[paths]\nartifacts = .\nfigures = figures\nthesis_output = thesis\n")
os.environ["PTMREC_CONFIG"] = str(OUTPUTS / "outputs.ini")
