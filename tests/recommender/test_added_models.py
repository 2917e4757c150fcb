import logging
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cli_calls import call
from safetensors.torch import load_file, save_file
from toy_hub import write_hub_model, write_remote_code
from toy_knowledge import make_knowledge

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.core.files import read_json, write_json, write_npz
from ptmrec.dataloader.model_datasets import KNOWLEDGE
from ptmrec.recommender.added_models import (
    ADDED,
    AddedModels,
    added_snapshots,
    check_name,
    extend,
    extend_by_card,
    find_models,
    nearest_by_card,
    read_added,
    register,
    remove_added,
    with_added,
    write_added,
)
from ptmrec.recommender.knowledge_files import read_knowledge
from ptmrec.recommender.probing import PART, ModelAdder, Prober, add_model, half_serves
from ptmrec.recommender.references import References
from ptmrec.recommender.request import recommend
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import read_snapshot
from ptmrec.zoo.sources import open_source

PATHS = ConfigParser().get(PathsConfig)
FOUND = {"transport": np.ones((3, 2)), "explained": 0.5, "transported": np.ones(4), "few_shot": np.ones(4)}
TWIN = "vgg-small-cifar10"


@pytest.fixture
def added(tmp_path):
    """One model of every kind, each written down."""
    sources = [
        str(shutil.copytree(PATHS.zoo / "vgg-small-cifar10", tmp_path / "own")),
        str(write_hub_model(tmp_path / "hub")),
        "timm:test_vit?random",
        "timm:tf_efficientnet_lite0",
        str(write_remote_code(tmp_path / "remote")),
    ]
    snapshots = [open_source(source, PATHS) for source in sources]
    for snapshot in snapshots:
        write_added(tmp_path / "registered", snapshot, None if snapshot.name == "remote" else FOUND)
    return snapshots


def test_models_of_every_kind_come_back_those_that_cannot_be_run_apart(added, tmp_path):
    found = read_added(tmp_path / "registered")
    expected = sorted(added[:-1], key=lambda snapshot: snapshot.name)
    assert [snapshot for snapshot, _ in found.ran] == expected
    assert all(numbers["transport"].shape == (3, 2) for _, numbers in found.ran)
    assert [snapshot.name for snapshot in found.card_only] == ["remote"]
    assert {one.name for one in added_snapshots(tmp_path / "registered")} == {s.name for s in added}
    assert read_added(tmp_path / "none") == AddedModels()


def test_what_has_gone_is_named_and_left_out(added, tmp_path, caplog):
    shutil.rmtree(tmp_path / "own")
    shutil.rmtree(tmp_path / "hub")
    with caplog.at_level(logging.WARNING):
        found = read_added(tmp_path / "registered")
    assert [snapshot.name for snapshot, _ in found.ran] == ["efficientnet-lite0", "test_vit-random"]
    assert caplog.text.count("is left out") == 2, "each is named once"
    assert "vgg-small-cifar10 is left out" in caplog.text and "hub is left out" in caplog.text


def test_a_model_is_taken_out_again_and_its_files_stay(added, tmp_path):
    folder, names = tmp_path / "registered", {one.name for one in added}
    (folder / "hub" / "model.json").write_text("damaged")
    for name in ("vgg-small-cifar10", "hub"):
        assert remove_added(folder, name) == folder / name and not (folder / name).exists()
    assert {one.name for one in added_snapshots(folder)} == names - {"vgg-small-cifar10", "hub"}
    assert (tmp_path / "own").is_dir() and (tmp_path / "hub").is_dir()
    for name in ("vgg-small-cifar10", "..", "remote/../remote", ""):
        with pytest.raises(ConfigError, match="was added"):
            remove_added(folder, name)
    assert remove_added(folder, "remote").name == "remote"


def test_damaged_records_and_what_a_kill_left_are_passed_over(added, tmp_path, caplog):
    folder = tmp_path / "registered"
    write_json(folder / "hub" / "model.json", {"card": read_json(folder / "hub" / "model.json")["card"]})
    (folder / "efficientnet-lite0" / "registered.npz").write_bytes(b"damaged")
    (folder / ".vit-x.tmp").mkdir()
    with caplog.at_level(logging.WARNING):
        found = read_added(folder)
    assert [snapshot.name for snapshot, _ in found.ran] == ["test_vit-random", "vgg-small-cifar10"]
    assert "damaged or of another version" in caplog.text and "not an NPZ" in caplog.text


BROKEN = [
    b"", b"[]", b"null", b"3", b"{}", b'{"folder": 5}', b'{"folder": null}', b'{"folder": "a\\u0000b"}', b"\xff",
    b'{"folder": "' + b"x" * 5000 + b'"}', b'{"folder": ".", "card": []}', b'{"folder": ".", "card": {"name": "hub"}}',
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_record_is_one_line_and_the_rest_works(added, tmp_path, caplog, content):
    folder = tmp_path / "registered"
    (folder / "hub" / "model.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert len(added_snapshots(folder)) == len(added) - 1
    (line,) = (record.getMessage() for record in caplog.records if "is left out" in record.getMessage())
    assert line.startswith("hub is left out (") and line.endswith(f"or remove {folder / 'hub'}")
    assert "\n" not in line and len(line) < 1000


@pytest.mark.parametrize(
    "change",
    [
        {"num_params": "many"},
        {"num_params": 0},
        {"architecture": 5},
        {"recipe": None},
        {"name": "../hub"},
        {"name": "other"},
        {"name": "x" * 5000},
        {"datasets": 3},
        {"gmacs": True},
    ],
)
def test_a_record_with_a_strange_card_is_left_out(added, tmp_path, caplog, change):
    path = tmp_path / "registered" / "hub" / "model.json"
    record = read_json(path)
    write_json(path, {**record, "card": {**record["card"], **change}})
    with caplog.at_level(logging.WARNING):
        assert "hub" not in {one.name for one in added_snapshots(tmp_path / "registered")}
    assert caplog.text.count("hub is left out") == 1


@pytest.mark.parametrize("change", [{"transport": np.ones(3)}, {"few_shot": np.ones((2, 2))}, {"explained": np.nan}])
def test_numbers_of_another_form_are_left_out(added, tmp_path, caplog, change):
    write_npz(tmp_path / "registered" / "hub" / "registered.npz", {**FOUND, **change})
    with caplog.at_level(logging.WARNING):
        assert "hub" not in {snapshot.name for snapshot, _ in read_added(tmp_path / "registered").ran}
    assert "its arrays are of another form" in caplog.text


def test_the_nearest_is_of_the_family_and_near_in_size():
    cards = make_knowledge().cards
    known = next(iter(cards.values()))
    twin = replace(known, name="twin", num_params=known.num_params + 1)
    assert cards[nearest_by_card(twin, cards)].family == known.family
    stranger = replace(known, name="stranger", family="nobody's", num_params=10**9)
    largest = max(card.num_params for card in cards.values())
    assert cards[nearest_by_card(stranger, cards)].num_params == largest


def test_what_cannot_be_run_is_borrowed_and_size_and_source_are_its_own():
    knowledge = make_knowledge()
    stand_in = list(knowledge.cards)[3]
    card = replace(knowledge.cards[stand_in], name="remote")
    more, stand_ins = extend_by_card(knowledge, [SimpleNamespace(name="remote", card=card)])
    place, own = list(more.cards).index(stand_ins["remote"]), list(more.cards).index("remote")
    np.testing.assert_array_equal(more.transports[own], more.transports[place])
    np.testing.assert_array_equal(more.scores.transport[:, own], more.scores.transport[:, place])
    assert more.cards["remote"] is card and not more.base[own]
    for regime in more.regimes.values():
        assert not regime.ranker.measured[own]


def test_nothing_to_add_changes_nothing():
    knowledge = make_knowledge()
    assert extend_by_card(knowledge, []) == (knowledge, {})


def test_numbers_about_other_data_sets_are_left_out(tmp_path, caplog, monkeypatch):
    knowledge = make_knowledge()
    card = replace(next(iter(knowledge.cards.values())), name="mine")
    space, known = knowledge.transports[0].shape[0], len(knowledge.samples)
    found = {"transport": np.ones((space, 5)), "transported": np.ones(known), "few_shot": np.ones(known)}
    for change, kept in (
        (found, 1),
        ({"few_shot": np.ones(known + 1)}, 0),
        ({"transport": np.ones((space + 1, 5))}, 0),
    ):
        added = AddedModels(((SimpleNamespace(name="mine", card=card), {**found, **change}),))
        monkeypatch.setattr("ptmrec.recommender.added_models.read_added", lambda _, added=added: added)
        with caplog.at_level(logging.WARNING):
            more, snapshots, _ = with_added(tmp_path, knowledge, [])
        assert len(snapshots) == len(more.cards) - len(knowledge.cards) == kept
    assert caplog.text.count("mine is left out (it was added with other known data sets") == 2


def test_imported_ones_about_other_data_sets_are_one_line(tmp_path, caplog, monkeypatch):
    knowledge = make_knowledge()
    card, known = next(iter(knowledge.cards.values())), len(knowledge.samples)
    found = {"transport": np.ones((knowledge.transports[0].shape[0], 5)), "transported": np.ones(known)}
    found |= {"few_shot": np.ones(known), "datasets": np.array(["x"] * known)}
    ran = tuple((SimpleNamespace(name=name, card=replace(card, name=name)), found) for name in ("one", "two"))
    monkeypatch.setattr("ptmrec.recommender.added_models.read_added", lambda _: AddedModels(ran))
    with caplog.at_level(logging.WARNING):
        more, _, _ = with_added(tmp_path, knowledge, [])
    assert len(more.cards) == len(knowledge.cards)
    assert [record.getMessage()[:40] for record in caplog.records] == ["2 imported registrations are left out (m"]


@pytest.fixture
def config(tmp_path):
    return ConfigParser(overrides={"paths.artifacts": str(tmp_path / "artifacts")})


def test_a_source_that_cannot_be_opened_leaves_nothing(config):
    with pytest.raises(ArtifactError, match="did you mean"):
        ModelAdder(config).add("timm:test_vitt")
    assert not (config.get(PathsConfig).artifacts / ADDED).exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_the_name_of_their_tensor(config, tmp_path, value):
    """In a classifier they show in no feature."""
    folder = shutil.copytree(PATHS.zoo / TWIN, tmp_path / "broken")
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "name": "broken"})
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"][0, 0] = value
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ArtifactError, match=r"broken: tensor 'classifier\.weight' holds values that are not finite"):
        ModelAdder(config).add(str(folder))
    assert not (config.get(PathsConfig).artifacts / ADDED).exists()


def test_a_model_that_cannot_be_built_is_kept_by_its_card(config, tmp_path):
    line = ModelAdder(config).add(str(write_remote_code(tmp_path / "strange")))
    assert line.startswith("strange is ranked by its card only: its architecture is code")


@pytest.mark.slow
def test_a_folder_with_a_broken_model_and_what_recommend_makes_of_the_others(config, tmp_path, digits):
    """The whole way: lite0 with its own weights, a saved timm model, a broken one, one without code."""
    write_hub_model(tmp_path / "models" / "mine", "test_vit")
    write_remote_code(tmp_path / "models" / "remote")
    (tmp_path / "models" / "old").mkdir()
    (tmp_path / "models" / "old" / "pytorch_model.bin").write_bytes(b"never read")
    place = ["--set", f"paths.artifacts={tmp_path / 'artifacts'}", "--set", "relations.probes=100"]  # 1,200 take long
    done = call("zoo", "add", tmp_path / "models", *place)
    assert done.exit_code == 1 and done.stdout.splitlines()[-1].endswith("ptmrec recommend my_images/")
    assert "mine added in" in done.stdout and "remote is ranked by its card only" in done.stdout
    assert "pickles only (pytorch_model.bin)" in done.stderr and "1 of 3 models" in done.stderr
    done = call("zoo", "add", "timm:tf_efficientnet_lite0", *place)
    assert done.exit_code == 0 and "efficientnet-lite0 added in" in done.stdout
    names = call("zoo", "ls", "--format", "ids", *place).stdout.split()
    assert names[-3:] == ["efficientnet-lite0", "mine", "remote"]
    assert '"licence": "apache-2.0"' in call("zoo", "show", "mine", *place).stdout
    answer = recommend(*digits, config=config, regime="low_data")
    frame, ranked = answer.frame, answer.frame["model"].tolist()
    assert ranked.count("mine") == ranked.count("efficientnet-lite0") == ranked.count("remote") == 1
    assert "Ranked by their cards only, as the nearest known model: remote (as " in answer.notes[0]
    assert answer.trusted
    with pytest.raises(ArtifactError, match="code in its repository"):
        answer.load("remote")
    assert np.isfinite(frame["expected_accuracy"]).all()


def test_names_patterns_and_sources_each_once(toy_zoo, tmp_path):
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    found = find_models(["vgg-small-mnist", "vgg-small-mn*", str(toy_zoo / "vgg-small-toy")], config)
    assert [snapshot.name for snapshot in found] == ["vgg-small-mnist", "vgg-small-toy"]
    write_added(tmp_path / ADDED, found[1])
    assert [snapshot.name for snapshot in find_models(["vgg-small-toy"], config)] == ["vgg-small-toy"]


def test_what_nobody_knows_is_named_with_what_is_near(tmp_path):
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    with pytest.raises(ConfigError, match="'vgg-small-mnst' in the zoo; did you mean vgg-small-mnist"):
        find_models(["vgg-small-mnst"], config)
    with pytest.raises(ConfigError, match="no model 'zzz\\*'"):
        find_models(["zzz*"], config)
    with pytest.raises(ArtifactError, match="no model folder of that name"):
        find_models([str(tmp_path / "nowhere")], config)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A model of the zoo under another name, as if it were new."""
    folder = shutil.copytree(PATHS.zoo / TWIN, tmp_path_factory.mktemp("new") / "twin")
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "name": "twin"})
    return read_snapshot(folder)


@pytest.fixture(scope="module")
def knowledge():
    return read_knowledge(PATHS.recommender / KNOWLEDGE)


@pytest.fixture(scope="module")
def found(knowledge, snapshot):
    config = ConfigParser()
    return Prober(knowledge, References(config), config).run(snapshot)


@pytest.mark.slow
def test_a_new_model_is_explained_as_its_twin_in_the_zoo_was(knowledge, found):
    place = list(knowledge.cards).index(TWIN)
    np.testing.assert_allclose(found["transported"], knowledge.scores.transport[:, place], atol=0.1)
    seen = np.isfinite(found["few_shot"])
    assert 5 <= seen.sum() < len(seen)
    assert np.corrcoef(found["few_shot"][seen], knowledge.scores.few_shot[seen, place])[0, 1] > 0.9
    assert 0 < found["explained"] < 1


@pytest.mark.slow
def test_it_is_ranked_without_measurements_near_its_twin(knowledge, snapshot, found):
    wider = extend(knowledge, [(snapshot.card, found)])
    for known in wider.regimes.values():
        assert not known.ranker.measured[-1]
    pairs = wider.look(knowledge.samples[0])[0]
    scores = wider.regimes["low_data"].ranker.inputs(pairs, "mnist") @ wider.regimes["low_data"].ranker.weights
    place = list(wider.cards).index(TWIN)
    assert abs(scores[-1] - scores[place]) < np.std(scores)
    again = extend(wider, [(snapshot.card, found)])
    assert list(again.cards) == list(wider.cards)


@pytest.mark.slow
def test_models_that_are_known_are_not_run_again(knowledge, config):
    known = read_snapshot(PATHS.zoo / TWIN)
    assert register(knowledge, None, [known], config) is knowledge


def test_a_zoo_with_a_models_card_and_other_weights_is_run_anew(tmp_path, monkeypatch, config):
    """Seen with a zoo in a folder of its own: the card alone made it the known model."""
    known = read_snapshot(PATHS.zoo / TWIN)
    other = read_snapshot(shutil.copytree(known.folder, tmp_path / TWIN))
    knowledge, ran = SimpleNamespace(cards={TWIN: known.card}), []
    monkeypatch.setattr("ptmrec.recommender.probing.Prober", lambda *_: SimpleNamespace(run=ran.append))
    monkeypatch.setattr("ptmrec.recommender.added_models.extend", lambda *_: "wider")
    assert register(knowledge, None, [other], config) is knowledge
    (other.folder / "model.safetensors").write_bytes((PATHS.zoo / "vgg-small-mnist" / "model.safetensors").read_bytes())
    assert register(knowledge, None, [other], config) == "wider" and ran == [other]
    added = SimpleNamespace(cards={TWIN: other.card})
    assert register(added, None, [other], config) is added, "an added model is what its own registration says"


class Rounded:
    """A model whose features hold so much noise in half precision."""

    def __init__(self, noise):
        self.noise = noise

    def forward_features(self, images):
        if not torch.is_autocast_enabled("cpu"):
            time.sleep(0.02)
            return images.mean(dim=(2, 3))
        return images.mean(dim=(2, 3)) + self.noise * torch.randn(len(images), 3)


@pytest.mark.parametrize(("noise", "able", "expected"), [(1e-3, True, True), (1.0, True, False), (0.0, False, False)])
def test_half_precision_is_taken_where_it_says_the_same(monkeypatch, noise, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able}, raising=False)
    images = np.random.default_rng(0).integers(0, 256, (32, 4, 4, 3), dtype=np.uint8)
    model = Rounded(noise)
    assert half_serves(model, images, extract_features(model, images), "rounded") == expected


class Counting:
    """A model that counts the images it is run on, and may stop on the way."""

    name, source, card = "counting", "counting", SimpleNamespace(to_dict=dict)

    def __init__(self, stop=10**9):
        self.seen, self.stop = 0, stop

    def digest(self):
        return "the same"

    def load(self):
        return self

    def forward_features(self, images):
        self.seen += len(images)
        if self.seen > self.stop:
            raise KeyboardInterrupt
        return images.mean(dim=(2, 3))


@pytest.mark.slow
def test_each_image_is_run_once_and_a_registration_that_was_cut_short_goes_on(knowledge, config):
    prober, once = Prober(knowledge, References(config), config), Counting()
    whole = prober.run(once)
    assert once.seen == len(prober.images)
    shutil.rmtree(prober.parts_of(once))
    cut, rest = Counting(stop=3 * PART), Counting()
    with pytest.raises(KeyboardInterrupt):
        prober.run(cut)
    again = prober.run(rest)
    assert rest.seen == once.seen - 3 * PART
    assert all((again[key] == whole[key])[np.isfinite(whole[key])].all() for key in whole)


@pytest.mark.slow
def test_a_model_whose_files_moved_is_left_out(tmp_path, snapshot, found, caplog):
    own = read_snapshot(shutil.copytree(snapshot.folder, tmp_path / "gone"))
    write_added(tmp_path / ADDED, own, found)
    assert read_added(tmp_path / ADDED).ran[0][0].name == "twin"
    shutil.rmtree(own.folder)
    with caplog.at_level(logging.WARNING):
        assert not read_added(tmp_path / ADDED).ran
    assert "twin is left out" in caplog.text
    assert not read_added(tmp_path / "none").ran


def pixels(image):
    return torch.from_numpy(np.asarray(image.resize((32, 32)), np.float32)).permute(2, 0, 1) / 255


@pytest.mark.slow
def test_the_name_of_a_committed_model_is_not_taken(tmp_path):
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path / "runs")})
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with pytest.raises(ConfigError, match="vgg-small-mixture: a model that is here has this name"):
        add_model(network, pixels, name="vgg-small-mixture", config=config)
    with pytest.raises(ConfigError, match="model: a dict; give a torch module, or a source"):
        add_model(dict(network.state_dict()), config=config)
    assert not (tmp_path / "runs" / ADDED / "vgg-small-mixture").exists()


def test_an_added_model_is_not_replaced_by_another_of_its_name(tmp_path):
    folder = tmp_path / "registered"
    first = open_source(str(write_hub_model(tmp_path / "a" / "mine")), PATHS)
    write_added(folder, first, FOUND)
    check_name(folder, first)
    other = open_source(str(write_hub_model(tmp_path / "b" / "mine")), PATHS)
    with pytest.raises(ConfigError, match=r"^mine: a model of this name was added from .*/a/mine; rename one"):
        check_name(folder, other)
