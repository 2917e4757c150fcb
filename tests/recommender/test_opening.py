import shutil

import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_hashes
from ptmrec.recommender.opening import open_recommender


@pytest.fixture
def config(tmp_path):
    paths = ConfigParser().get(PathsConfig)
    shutil.copytree(paths.recommender, tmp_path / "recommender")
    return ConfigParser(
        overrides={"paths.recommender": str(tmp_path / "recommender"), "paths.artifacts": str(tmp_path / "runs")}
    )


def test_it_is_read_once_while_its_files_stay_as_they_are(config):
    first = open_recommender(config)
    assert open_recommender(config) is first
    spec = config.get(PathsConfig).recommender / "recommender.json"
    spec.write_text(spec.read_text() + "\n")
    write_hashes(spec.parent)
    again = open_recommender(config)
    assert again is not first
    assert again[0].knowledge.cards == first[0].knowledge.cards
    spec.unlink()
    with pytest.raises(ArtifactError, match="no recommender there"):
        open_recommender(config)


def test_other_settings_are_another_one(config):
    first = open_recommender(config)
    fewer = ",".join(first[1].bank)[: ",".join(first[1].bank).rindex(",")]
    other = ConfigParser(overrides={**_places(config), "relations.references": fewer})
    assert len(open_recommender(other)[1].bank) == len(first[1].bank) - 1


def test_an_encoder_it_was_not_trained_with_is_refused(config):
    spec = config.get(PathsConfig).recommender / "recommender.json"
    spec.write_text(spec.read_text().replace('"encoder": "', '"encoder": "other-'))
    write_hashes(spec.parent)
    with pytest.raises(ArtifactError, match=r"is not the one the ranker was trained with \(other-"):
        open_recommender(config)


def _places(config):
    paths = config.get(PathsConfig)
    return {"paths.recommender": str(paths.recommender), "paths.artifacts": str(paths.artifacts)}
