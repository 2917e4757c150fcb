import subprocess
import sys

import pytest

import ptmrec
from ptmrec.pipeline.project import open_project
from ptmrec.recommender.request import recommend
from ptmrec.zoo.snapshot import read_zoo


def test_the_front_door_leads_to_the_real_calls():
    assert ptmrec.recommend is recommend
    assert ptmrec.read_zoo is read_zoo
    assert ptmrec.open_project is open_project
    assert {"recommend", "read_zoo", "open_project"} <= set(dir(ptmrec))
    with pytest.raises(AttributeError, match="recomend"):
        ptmrec.recomend  # noqa: B018


@pytest.mark.parametrize("code", ["import ptmrec", "import ptmrec; ptmrec.recommend; ptmrec.read_zoo"])
def test_importing_brings_no_torch_and_no_pandas(code):
    code += "; import sys; print({'torch', 'pandas', 'open_clip', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
