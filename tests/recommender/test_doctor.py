import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.recommender.doctor import examine
from ptmrec.zoo import real


@pytest.fixture
def found(tmp_path):
    return {finding.what: finding for finding in examine(ConfigParser())}


def test_here_all_that_recommend_needs_is_there(found):
    assert [what for what, finding in found.items() if finding.needed and not finding.works] == []
    assert "207 models" in found["zoo"].found
    assert "efficientnet-lite0" in found["real models"].found
    assert set(found["zoo"].to_dict()) == {"what", "state", "found", "for"}


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    config = ConfigParser(None, "default", {"paths.zoo": str(tmp_path / "nowhere")})
    found = {finding.what: finding for finding in examine(config)}
    assert found["zoo"].to_dict()["state"] == "MISSING" and "no zoo there" in found["zoo"].found
    assert not found["latexmk"].works and not found["latexmk"].needed
    assert found["real models"].to_dict()["state"] == "not there"
