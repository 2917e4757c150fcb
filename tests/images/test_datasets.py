from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import FakeData

from ptmrec.core.errors import DataError
from ptmrec.images.account import Account
from ptmrec.images.datasets import evenly, images_per_class, is_dataset, read_dataset


@pytest.fixture(autouse=True)
def ten_of_a_class(monkeypatch):
    monkeypatch.setattr("ptmrec.images.datasets.images_per_class", lambda classes, whole: 10)


def test_few_classes_give_more_images_each_and_many_classes_enough():
    assert [images_per_class(classes) for classes in (0, 2, 10, 25, 100)] == [40, 500, 100, 40, 40]


@pytest.mark.parametrize(("count", "limit"), [(41, 40), (600, 500), (7, 7), (3, 10), (1, 1)])
def test_as_many_are_used_as_may_be_and_evenly(count, limit):
    found = evenly(count, limit)
    assert len(found) == len(set(found.tolist())) == min(count, limit) and (found >= 0).all() and (found < count).all()
    steps = np.diff([*found, count])
    assert len(found) < 2 or steps.max() - steps.min() <= 1


class Pairs:
    """Items as torchvision's data sets give them."""

    classes = ("cat", "dog")

    def __init__(self, count, kind=lambda image: image):
        self.targets, self.kind, self.read = [place % 2 for place in range(count)], kind, []

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, place):
        self.read.append(place)
        return self.kind(Image.new("RGB", (8, 8), (place, 0, 0))), self.targets[place]


class Rows:
    """Items as the Hub's data sets give them."""

    column_names = ("image", "label")

    def __init__(self, count):
        self.label = np.arange(count) % 3
        self.features = {"label": SimpleNamespace(names=["a", "b", "c"])}

    def __len__(self):
        return len(self.label)

    def __getitem__(self, key):
        return self.label.tolist() if key == "label" else {"image": Image.new("L", (8, 8)), "label": self.label[key]}


def test_only_the_images_that_are_used_are_read():
    data = Pairs(200)
    account = Account()
    images, labels, sizes = read_dataset(data, account)
    assert (len(images), account.found(len(images)), len(data.read)) == (20, 200, 20)
    assert sizes == {"cat": 100, "dog": 100}
    assert sorted(set(labels)) == ["cat", "dog"] and labels.count("cat") == 10


def test_rows_of_the_hub():
    account = Account()
    images, labels, _ = read_dataset(Rows(36), account)
    assert account.found(len(images)) == 36 and images[0].mode == "RGB"
    assert {name: labels.count(name) for name in "abc"} == {"a": 10, "b": 10, "c": 10}


@pytest.mark.parametrize(
    "kind",
    [
        lambda image: torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float() / 255,
        lambda image: torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()),
        np.asarray,
    ],
)
def test_tensors_and_arrays_are_the_images_they_were(kind):
    images, _, _ = read_dataset(Pairs(4, kind), Account())
    assert np.array_equal(np.asarray(images[3]), np.full((8, 8, 3), (3, 0, 0)))


def test_a_real_data_set_of_torchvision():
    data = FakeData(size=6, image_size=(3, 8, 8), num_classes=2)
    images, labels, _ = read_dataset(data, Account())
    assert len(images) == 6 and set(labels) <= {0, 1}


def test_no_class_is_missed_where_labels_come_with_the_images_alone():
    """Read in a fixed step, a data set that goes round its classes would show some of them only."""

    class Round(Pairs):
        classes = ()

        def __getitem__(self, place):
            return Image.new("RGB", (2, 2)), place % 6

    data = Round(4002)
    del data.targets
    Round.__len__ = lambda self: 4002
    _, labels, _ = read_dataset(data, Account())
    assert set(labels) == set(range(6))


def test_items_without_labels_are_unlabelled():
    class Bare(Pairs):
        targets = None

        def __init__(self):
            self.count = 5

        def __len__(self):
            return 5

        def __getitem__(self, place):
            return Image.new("RGB", (8, 8))

    del Bare.targets
    bare = Bare()
    images, labels, _ = read_dataset(bare, Account())
    assert len(images) == 5 and labels is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Pairs(0), "empty"),
        (Pairs(4, lambda image: "a path"), "items should be"),
        (Pairs(4, lambda image: torch.full((3, 8, 8), -2.0)), "normalisation"),
    ],
)
def test_what_cannot_be_used_is_named(data, words):
    with pytest.raises(DataError, match=f"Pairs: .*{words}"):
        read_dataset(data, Account())


def test_items_without_a_label_are_left_out_and_counted():
    rows, account = Rows(12), Account()
    rows.label[::4] = -1  # as the Hub marks the labels it keeps to itself
    images, labels, _ = read_dataset(rows, account)
    assert len(images) == 9 and account.left_out == {"without a label": 3}


def test_of_a_dictionary_of_data_sets_the_training_part_is_read():
    account = Account()
    images, _, _ = read_dataset({"train": Pairs(6), "test": Pairs(3)}, account)
    assert len(images) == 6 and account.left_out == {"in the part test": 3}
    with pytest.raises(DataError, match="holds a, b; give the data set of the training images"):
        read_dataset({"a": Pairs(6), "b": Pairs(3)}, Account())


class Broken(Pairs):
    """A data set that fails, as files that are gone do."""

    def __getitem__(self, place):
        raise FileNotFoundError("gone.png")


class Several(Pairs):
    """A data set with several labels an image."""

    def __getitem__(self, place):
        return Image.new("RGB", (8, 8)), torch.tensor([1, 0, 1])


@pytest.mark.parametrize(
    ("data", "words"), [(Broken(4), "item 0 cannot be read .gone.png"), (Several(4), "several labels for an image")]
)
def test_data_sets_that_fail_are_one_line(data, words):
    with pytest.raises(DataError, match=words):
        read_dataset(data, Account())


def test_lists_and_text_are_no_data_sets():
    assert is_dataset(Pairs(1)) and is_dataset(Rows(1))
    assert not is_dataset([1]) and not is_dataset(iter([1]))
