"""Networks as people have them, each compared with its own library's forward pass."""

import json
import zipfile

import numpy as np
import pytest
import timm
import torch
import torchvision
from cli_calls import call
from safetensors.torch import save_file
from torch import nn

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError, NoWeightsError
from ptmrec.zoo import exported, python_model
from ptmrec.zoo.exported import Program
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.feed import Asked, FedModel, Feed, as_vectors, check_features, feed_of, parse_colours, parse_size
from ptmrec.zoo.python_model import open_module
from ptmrec.zoo.sources import from_record, open_source, record_of

PATHS = ConfigParser().get(PathsConfig)
IMAGES = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


class Small(nn.Module):
    """A convolution, its mean over places, and a classifier."""

    def __init__(self, channels=3):
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Conv2d(channels, 6, 3, 2)
        self.norm = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 4)

    def vectors(self, images):
        return self.norm(self.first(images)).relu().mean(dim=(2, 3))

    def forward(self, images):
        return self.fc(self.vectors(images)).softmax(dim=1)


def save_program(path, network=None, shape=(2, 3, 24, 24), free=True, dtype=torch.float32):
    images = torch.zeros(shape, dtype=dtype)
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    torch.export.save(torch.export.export((network or Small()).eval(), (images,), dynamic_shapes=shapes), path)
    return path


def rewrite(path, member, change):
    """The archive with one of its JSON files changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in parts if name.endswith(member)]
    content = json.loads(parts[name])
    change(content)
    parts[name] = json.dumps(content).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for own, data in parts.items():
            archive.writestr(own, data)


@pytest.mark.parametrize("free", [True, False])
def test_an_exported_program_gives_what_stands_before_its_classifier(tmp_path, free):
    snapshot = open_source(str(save_program(tmp_path / "mine.pt2", free=free)), PATHS)
    assert (snapshot.name, snapshot.card.num_features, snapshot.card.input_size) == ("mine", 6, 24)
    assert snapshot.card.gmacs > 0 and snapshot.card.num_params >= sum(p.numel() for p in Small().parameters())
    model, own = snapshot.load(), Small().eval()
    prepared = model.prepare(IMAGES)
    torch.testing.assert_close(model.forward_features(prepared), own.vectors(prepared))
    assert from_record(record_of(snapshot)) == snapshot
    (tmp_path / "mine.pt2").unlink()
    with pytest.raises(ArtifactError, match="the file of mine is gone"):
        from_record(record_of(snapshot))


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_programs_of_real_architectures_are_run_as_torch_runs_them(tmp_path, name):
    network = timm.create_model(name, num_classes=5).eval()
    size = network.default_cfg["input_size"][-1]
    path = save_program(tmp_path / "x.pt2", network, (2, 3, size, size))
    images, program = torch.randn(3, 3, size, size), Program(path)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
        torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-5)
        last = exported._names(program._outputs)[0]
        torch.testing.assert_close(Program(path, last)(images), torch.export.load(path).module()(images))


def test_grey_tall_and_whole_numbered_pictures_are_read_from_the_file(tmp_path):
    class Bytes(nn.Module):
        def __init__(self):
            super().__init__()
            self.small = Small(1)

        def forward(self, images):
            return self.small.vectors(images.permute(0, 3, 1, 2) / 255)

    path = save_program(tmp_path / "x.pt2", Bytes(), (2, 32, 20, 1), dtype=torch.uint8)
    snapshot = open_source(str(path), PATHS)
    model = snapshot.load()
    assert feed_of(snapshot.card.architecture["feed"]) == Feed(32, 20, 1, "uint8", True)
    assert model.prepare(IMAGES).shape == (3, 32, 20, 1) and model.prepare(IMAGES).dtype == torch.uint8
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 6), "costs are measured on squares of three colours"


def test_what_is_asked_for_counts_and_what_does_not_fit_is_refused(tmp_path):
    path = save_program(tmp_path / "x.pt2")
    snapshot = open_source(str(path), PATHS, asked=Asked("other", None, "relu", (0.5,), (0.25,)))
    assert (snapshot.name, snapshot.card.num_features) == ("other", 6)
    assert float(snapshot.load().prepare(np.full((1, 24, 24, 3), 255, np.uint8)).min()) == 2
    with pytest.raises(ArtifactError, match="24 x 24 pixels only"):
        open_source(str(path), PATHS, asked=Asked(input_size=(32, 32)))
    with pytest.raises(ArtifactError, match="no step is called 'none'; the last are .*linear"):
        open_source(str(path), PATHS, asked=Asked(features="none"))
    with pytest.raises(ArtifactError, match="are for files"):
        open_source("timm:test_vit?random", PATHS, asked=Asked(features="none"))


def test_nothing_of_an_archive_is_unpickled_or_called_by_name(tmp_path):
    def call(target):
        return lambda content: content["graph_module"]["graph"]["nodes"][0].update(target=target)

    for target in ("torch.hub.load", "os.system", "torch.ops.aten.from_file.default", "torch.ops.aten.__class__.x"):
        path = save_program(tmp_path / "x.pt2")
        rewrite(path, "models/model.json", call(target))
        with pytest.raises(ArtifactError, match=f"calls '{target}', which is never run"):
            open_source(str(path), PATHS)
    path = save_program(tmp_path / "x.pt2")
    rewrite(path, "weights_config.json", lambda c: c["config"]["fc.weight"].update(use_pickle=True))
    with pytest.raises(ArtifactError, match=r"'fc\.weight' is a pickle"):
        open_source(str(path), PATHS)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["config"]["first.weight"]["tensor_meta"].update(sizes=[{"as_int": 10**6}] * 4),
        lambda c: c["config"]["first.weight"]["tensor_meta"].update(storage_offset={"as_int": -1}),
        lambda c: c["config"]["first.weight"].update(path_name="../x"),
        lambda c: c["config"].pop("first.weight"),
        lambda c: c.clear(),
    ],
)
def test_a_damaged_program_is_one_line(tmp_path, change):
    path = save_program(tmp_path / "x.pt2")
    rewrite(path, "weights_config.json", change)
    with pytest.raises(ArtifactError, match=r"x\.pt2: ") as caught:
        open_source(str(path), PATHS)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_read_are_refused_with_the_way_round(tmp_path):
    torch.save(Small().state_dict(), tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as archive:
        archive.writestr("b/code/__torch__.py", "")
    save_file({"a": torch.zeros(2)}, tmp_path / "c.safetensors")
    (tmp_path / "d.tflite").write_bytes(b"")
    (tmp_path / "e.pt2").write_bytes(b"PK")
    words = {"a.pth": "a pickle, which", "b.pt": "TorchScript, which", "c.safetensors": "weights alone"}
    for name, word in {**words, "d.tflite": "no network in a form", "e.pt2": "damaged, or no exported"}.items():
        with pytest.raises(ArtifactError, match=word) as caught:
            open_source(str(tmp_path / name), PATHS)
        assert name in str(caught.value)


def test_torchvision_takes_safetensors(tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.mobilenet_v3_small(num_classes=1000).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    snapshot = open_source(
        "torchvision:mobilenet_v3_small", PATHS, asked=Asked(weights=str(tmp_path / "w.safetensors"))
    )
    model = snapshot.load()
    images = model.prepare(IMAGES)
    with torch.inference_mode():
        torch.testing.assert_close(network.classifier[3](model.forward_features(images)), network(images))
    assert from_record(record_of(snapshot)) == snapshot and snapshot.name == "mobilenet_v3_small"
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(ArtifactError, match="do not fit mobilenet_v3_small"):
        snapshot.load()
    with pytest.raises(ArtifactError, match=r"its weights are a pickle, .* --weights FILE"):
        open_source("torchvision:resnet18", PATHS)
    with pytest.raises(ArtifactError, match="did you mean resnet18"):
        open_source("torchvision:resnet1", PATHS)
    assert open_source("torchvision:squeezenet1_0?random", PATHS).untrained


def test_a_network_of_python_is_run_as_it_stands():
    network = Small().train()
    network.fc.eval()
    snapshot = open_module(network, asked=Asked("mine", (20, 28), "norm"))
    model = snapshot.load()
    images = model.prepare(IMAGES)
    assert images.shape == (3, 3, 20, 28) and snapshot.card.num_features == 6
    expected = network.eval().norm(network.first(images)).mean(dim=(2, 3))
    torch.testing.assert_close(model.forward_features(images), expected)
    again = from_record({**record_of(snapshot), "weights": snapshot.digest()})
    assert again is snapshot, "an answer in the same process can run it"
    python_model.HELD.clear()
    gone = from_record({**record_of(snapshot), "weights": snapshot.digest()})
    with pytest.raises(NoWeightsError, match=r"add_model again"):
        gone.load()


def test_modes_devices_and_transforms_of_a_network_are_its_own():
    network = Small().train()
    network.fc.eval()
    seen = []

    def transform(image):
        seen.append(image.size)
        return torch.from_numpy(np.array(image.resize((24, 24)))).permute(2, 0, 1) / 255

    snapshot = open_module(network, transform, licence="mit", trained_on="flowers")
    assert snapshot.card.licence == "mit" and snapshot.card.datasets == ["flowers"]
    assert network.training and network.norm.training and not network.fc.training
    found = extract_features(snapshot.load(), IMAGES)
    network.eval()
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(snapshot.load().prepare(IMAGES)), rtol=1e-5)
    timms = open_module(timm.create_model("test_vit", num_classes=3))
    assert timms.card.num_features == 64 and timms.card.input_size == 160
    with pytest.raises(ConfigError, match="no submodule is called 'x'; the last are first, norm, fc"):
        open_module(network, asked=Asked(features="x"))


class Bad(Small):
    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong

    def forward(self, images):
        return self.wrong(self.vectors(images))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: x * float("nan"), "not finite"),
        (lambda x: x * 0 + 1, "the same for all images"),
        (lambda x: x + x.mean(dim=0), "other features alone than among others"),
        (lambda x: x[:, :, None].expand(-1, -1, 7), r"is \d x 6 x 7, not one vector"),
        (lambda x: {"a": x}, "its output is dict"),
        (lambda x: x.sum(), "not one vector"),
        (lambda x: 1 / 0, "cannot be run on images .division by zero"),
    ],
)
def test_features_that_cannot_be_relied_on_are_refused(wrong, words):
    with pytest.raises(ArtifactError, match=words):
        open_module(Bad(wrong))


def test_the_command_says_in_one_line_what_cannot_be_asked_for(tmp_path):
    path = save_program(tmp_path / "x.pt2")
    for options, words in {
        ("--input-size", "12x"): "give pixels up to",
        ("--std", "0"): "give one number or three",
        ("--features", "none"): "no step is called 'none'",
        ("--random-weights",): "random weights are for",
    }.items():
        done = call("zoo", "add", path, *options)
        assert done.exit_code == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_maps_and_single_places_become_vectors():
    maps = torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(as_vectors(maps, 2), maps.mean(dim=(2, 3)))
    torch.testing.assert_close(as_vectors([maps[:, :, 0, 0][:, None]], 2), maps[:, :, 0, 0])


def test_sizes_and_colours_that_are_asked_for():
    assert parse_size("224") == (224, 224) and parse_size("256x128") == (256, 128)
    assert parse_colours("mean", "0.5") == (0.5,) and parse_colours("std", "1,2,3") == (1.0, 2.0, 3.0)
    for text in ("0", "x", "99999", "3x", "20 20"):
        with pytest.raises(ConfigError, match="give pixels up to"):
            parse_size(text)
    for text in ("a", "1,2", "nan", "0", ""):
        with pytest.raises(ConfigError, match="give one number or three"):
            parse_colours("std", text)
    with pytest.raises(ConfigError, match="mean .*: colours go from 0 to 1 here; divide mean and std by 255"):
        parse_colours("mean", "123.7,116.3,103.5")


@pytest.mark.parametrize("change", [{"height": 0}, {"channels": 4}, {"kind": "int64"}, {"std": [0]}, {"other": 1}])
def test_cards_with_strange_pictures_are_refused(change):
    with pytest.raises(ArtifactError):
        feed_of({**Feed(8, 8).to_dict(), **change})


def test_grey_is_made_as_pillow_makes_it():
    from PIL import Image

    grey = Feed(32, 32, 1, "uint8").prepare(IMAGES)[:, 0].numpy()
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in IMAGES])
    assert np.abs(grey.astype(int) - expected).max() <= 1


def test_a_network_for_a_fixed_number_of_images_gets_as_many():
    class Four(nn.Module):
        def forward(self, images):
            assert len(images) == 4
            return images.mean(dim=(2, 3))

    model = check_features(FedModel(Four(), Feed(8, 8, batch=4)), "four")
    assert model.forward_features(torch.randn(6, 3, 8, 8)).shape == (6, 3)
