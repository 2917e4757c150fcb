"""The committed files fit together: zoo, ground truth, splits, tokens, recommender."""

import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from experiments.evaluation.zoo_statistics import ceilings
from experiments.zoo_build.battery import FREE_LICENCES
from experiments.zoo_build.verify import verify_zoo
from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.model.clip_encoder import ClipImageEncoder
from ptmrec.pipeline.project import Project
from ptmrec.recommender.ensemble import Recommender
from ptmrec.zoo import real


@pytest.fixture(scope="module")
def project():
    return Project(ConfigParser())


@pytest.mark.slow
@pytest.mark.parametrize("installed", [True, False])
def test_everything_committed_is_whole(project, monkeypatch, installed):
    """With the packages of the real models and without them."""
    if not installed:
        monkeypatch.setattr(real, "find_spec", lambda name: None)
    assert {check.name: check.problems for check in verify_zoo(project.paths) if check.problems} == {}


@pytest.mark.slow
def test_zoo_is_as_large_and_as_mixed_as_promised(project):
    cards = [project.cards[name] for name in project.embedded]
    assert len(cards) >= 200
    families = {card.family for card in cards}
    assert len(families) >= 7
    assert len({name for card in cards for name in card.datasets}) >= 14
    for family in families:
        own = [card for card in cards if card.family == family]
        assert sum(card.source_dataset == "mixture" for card in own) == 2
        assert sum(card.name.endswith("-early") for card in own) == 2
        assert sum(card.source_dataset == "none" for card in own) == 1
        sizes = {card.architecture["size"]: card.num_params for card in own if card.source_dataset == "mixture"}
        assert sizes["large"] >= 2 * sizes["small"], "with classifiers of the mixture's many classes"


@pytest.mark.slow
def test_every_model_is_measured_on_every_data_set_in_both_regimes(project):
    truth = project.truth.only(project.embedded)
    assert len(truth.datasets) >= 28
    assert set(truth.by_shots) == {"1", "5", "50", "all"}
    for matrix in (*truth.accuracy.values(), *truth.by_shots.values()):
        assert np.isfinite(matrix).all()
    assert np.isfinite(truth.repeats["low_data"]).sum(axis=2).min() >= 8
    assert np.isfinite(truth.repeats["fine_tuning"]).sum(axis=2).min() >= 2
    for regime, repeats in truth.repeats.items():
        np.testing.assert_allclose(np.nanmean(repeats, axis=2), truth.accuracy[regime], atol=2e-5)


@pytest.mark.slow
def test_real_models_are_measured_on_all_data_sets_or_none(project):
    names = [name for name in project.cards if name not in project.embedded]
    assert names == sorted(path.name for path in project.paths.real.iterdir())
    assert len(names) >= 2
    truth = project.truth.only(names)
    assert np.isfinite(truth.accuracy["low_data"]).all()
    assert np.isfinite(truth.repeats["low_data"]).sum(axis=2).min() == 16
    tuned = np.isfinite(truth.accuracy["fine_tuning"])
    assert set(tuned.mean(axis=0)) <= {0.0, 1.0} and tuned.any()
    assert np.isfinite(truth.repeats["fine_tuning"][tuned]).sum(axis=1).min() == 2
    assert all(np.isnan(unmeasured).all() for unmeasured in truth.by_shots.values())
    assert {project.splits.model_role(project.cards[name]) for name in names} == {"blind"}
    assert not list(project.paths.real.rglob("*.pth")), "their weights come in packages"


@pytest.mark.slow
def test_the_ground_truth_agrees_with_itself(project):
    ceiling = ceilings(project.truth.only(project.embedded), project.splits.all).mean()
    assert ceiling["low_data"] >= 0.95
    assert ceiling["fine_tuning"] >= 0.90


@pytest.mark.slow
def test_splits_hold_blind_families_sources_and_data_sets(project):
    splits = project.splits
    assert len(splits.blind) >= 10
    assert len(splits.validation) >= 4
    assert len(splits.families.blind) >= 2
    assert splits.sources.blind
    assert splits.families.validation
    assert set(splits.sources.train + splits.sources.validation) <= set(splits.known), "no model of a blind data set"
    roles = {name: splits.model_role(card) for name, card in project.cards.items()}
    assert {roles[name] for name, card in project.cards.items() if card.family in splits.families.blind} == {"blind"}
    known = [card for name, card in project.cards.items() if roles[name] != "blind"]
    assert not {name for card in known for name in card.datasets} & set(splits.blind)


@pytest.mark.slow
def test_encoder_tells_blind_classes_apart(project):
    table = pd.read_csv(project.paths.encoder_separation).set_index("role")
    blind = table.loc["blind", ["chance", "pixels", "encoder"]].mean()
    assert blind["encoder"] > blind["pixels"] > blind["chance"]


@pytest.mark.slow
def test_tokens_cover_every_data_set_with_unseen_images_for_the_known(project):
    folders = {split: project.dataset_tokens(split).by_name() for split in ("train", "validation", "test")}
    assert set(folders["train"]) == set(project.splits.train)
    assert set(folders["validation"]) == set(project.splits.validation)
    assert set(folders["test"]) == set(project.splits.all)
    assert all(folders["test"][name].image_part == "test" for name in project.splits.known)
    assert all(tokens.image_part == "train" for tokens in folders["train"].values())


@pytest.mark.slow
def test_encoder_tokens_and_recommender_belong_together(project):
    paths = project.config.get(PathsConfig)
    encoder = ClipImageEncoder(paths.encoder, device="cpu")
    name = f"{encoder.name}:{encoder.hash}"
    recommender = Recommender.load(paths.recommender)
    assert project.dataset_tokens("train").items[0][0].encoder == name == recommender.encoder
    assert set(recommender.networks.model_names) == set(project.cards)
    assert set(recommender.trained_on) == set(project.splits.known)
    assert not set(recommender.trained_on) & set(project.splits.blind)


@pytest.mark.slow
def test_battery_holds_twenty_images_of_each_class_and_says_whose(project):
    battery = read_battery(project.paths.battery)
    assert len(battery) == 8
    assert project.paths.battery.stat().st_size <= 4e6
    for name, part in battery.items():
        assert name in project.splits.all
        assert (np.bincount(part.labels) == 20).all()
        assert any(licence in part.attribution for licence in FREE_LICENCES)


ROOT = Path(__file__).resolve().parents[1]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in lines]


def pins(lines):
    found = {}
    for requirement in map(Requirement, lines):
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        if requirement.marker is None or requirement.marker.evaluate({"python_full_version": "3.11.7"}):
            found[canonicalize_name(requirement.name)] = pin.version
    return found


def test_ranges_constraints_and_conda_environment_agree():
    blocks = (ROOT / "constraints.txt").read_text().replace(" \\\n", "").splitlines()
    lines, hashes = zip(*(re.split(r" +--hash=", line, maxsplit=1) for line in blocks), strict=True)
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    assert all(re.fullmatch(r"(sha256:[0-9a-f]{64}( +--hash=)?)+", block) for block in hashes)
    constraints = pins(lines)
    conda = (ROOT / "environment.yml").read_text()
    environment = pins(re.findall(r"^ +- ([\w.-]+==\S+)$", conda, re.MULTILINE))
    names = {canonicalize_name(requirement.name) for requirement in requirements()}
    assert names == set(environment)
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(constraints[name]), name
        assert environment[name] == constraints[name], name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean_and_tell_a_story(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.cells[0].source.startswith("# ")
    for word in ("**Question:**", "**Inputs:**", "**Outputs:**"):
        assert word in notebook.cells[0].source
    assert code[0].metadata.get("tags") == ["parameters"]
    assert [cell.id for cell in notebook.cells] == [*map(str, range(len(notebook.cells)))], (
        "as git's filter counts them"
    )
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert max(len(cell.source.splitlines()) for cell in code) <= 20
    defined = [match for cell in code for match in re.findall(r"^(?:def|class) .*", cell.source, re.MULTILINE)]
    assert defined == (["class RankingTrainer(BaseTrainer):"] if path.stem == "07_own_ranker" else [])


def test_one_place_for_logging_and_no_unpickling():
    for path in (*(ROOT / "ptmrec").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")):
        text = path.read_text()
        if path.name != "log.py":
            assert "import beautilog" not in text and "from beautilog" not in text, path
        assert not re.search(r"pickle\.(load|Unpickler)|from pickle", text), path
        for call in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in call, path


def test_committed_files_stay_small():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    sizes = {name: (ROOT / name).stat().st_size for name in files if (ROOT / name).is_file()}
    assert max(sizes.values()) <= 10e6
    zoo = sum(size for name, size in sizes.items() if re.match("constants/(?!recommender/)", name))
    assert 0 < zoo <= 60 * 2**20
    assert sum(size for name, size in sizes.items() if name.startswith("constants/recommender/")) <= 15e6
