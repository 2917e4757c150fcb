import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.recommender.finding import find_models
from ptmrec.recommender.registered import REGISTERED, write_registered


def test_names_patterns_and_sources_each_once(toy_zoo, tmp_path):
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    found = find_models(["vgg-small-mnist", "vgg-small-mn*", str(toy_zoo / "vgg-small-toy")], config)
    assert [snapshot.name for snapshot in found] == ["vgg-small-mnist", "vgg-small-toy"]
    write_registered(tmp_path / REGISTERED, found[1])
    assert [snapshot.name for snapshot in find_models(["vgg-small-toy"], config)] == ["vgg-small-toy"]


def test_what_nobody_knows_is_named_with_what_is_near(tmp_path):
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    with pytest.raises(ConfigError, match="'vgg-small-mnst' in the zoo; did you mean vgg-small-mnist"):
        find_models(["vgg-small-mnst"], config)
    with pytest.raises(ConfigError, match="no model 'zzz\\*'"):
        find_models(["zzz*"], config)
    with pytest.raises(ArtifactError, match="no model folder of that name"):
        find_models([str(tmp_path / "nowhere")], config)
