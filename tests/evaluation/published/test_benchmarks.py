import json

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from ptmrec.benchmark.published import read_published
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.benchmarks import TORCHVISION, load_benchmark
from ptmrec.evaluation.published.process import NOISES, fit_kernel, left_out_weights, likelihoods, squared_distances

FOLDER = PathsConfig().published


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(ranker, "TREES", 20)


@pytest.mark.parametrize(
    ("name", "shape", "targets"),
    [
        ("transfergraph", (12, 175), 12),
        ("modelspider10", (8, 10), 8),
        ("modelspider42", (7, 42), 7),
        ("openclip", (38, 121), 38),
        ("lovm", (41, 35), 23),
    ],
)
def test_benchmarks_are_whole(name, shape, targets):
    benchmark = load_benchmark(FOLDER, name)
    assert benchmark.accuracy.shape == shape == (len(benchmark.places), len(benchmark.models))
    assert len(benchmark.targets) == targets
    assert np.isfinite(benchmark.accuracy).all()
    zoo = read_published(FOLDER / f"{name}.json")
    model, target = benchmark.models[3], benchmark.targets[1]
    assert benchmark.accuracy[1, 3] == zoo.row(target)[zoo.models.index(model)]


def test_target_and_those_like_it_are_left_out():
    lovm = load_benchmark(FOLDER, "lovm")
    place = lovm.targets.index("imagenet1k")
    alone, grouped = lovm.others(place, groups=False), lovm.others(place, groups=True)
    assert (~alone).sum() == 1
    assert {lovm.places[row].name for row in np.flatnonzero(alone & ~grouped)} >= {"ImageNet v2", "ImageNet-R"}
    assert not grouped[place]


def test_records_added_to_lovm_are_of_data_sets_it_lacks():
    lovm = load_benchmark(FOLDER, "lovm")
    assert len({card.name for card in lovm.places}) == len(lovm.places)
    openclip = read_published(FOLDER / "openclip.json")
    expected = [openclip.row("Food-101")[openclip.models.index(model)] for model in lovm.models]
    (row,) = [place for place, card in enumerate(lovm.places) if card.name == "Food-101"]
    np.testing.assert_array_equal(lovm.accuracy[row], expected)
    assert not lovm.texts[:, len(lovm.targets) :].any()


@pytest.mark.parametrize("name", ["transfergraph", "modelspider42", "openclip", "lovm"])
def test_no_problem_depends_on_the_targets_own_records(name):
    benchmark = load_benchmark(FOLDER, name)
    rows, known = benchmark.others(0, groups=False), np.ones(len(benchmark.models), dtype=bool)
    before = benchmark.problem(0, rows, known)
    benchmark.accuracy[0] = np.random.default_rng(0).random(len(benchmark.models))
    for one, other in zip(vars(before).values(), vars(benchmark.problem(0, rows, known)).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_models_without_records_show_none():
    benchmark = load_benchmark(FOLDER, "openclip")
    known = np.arange(len(benchmark.models)) % 3 > 0
    problem = benchmark.problem(2, benchmark.others(2, groups=False), known)
    assert np.isnan(problem.accuracy[:, ~known]).all()
    np.testing.assert_array_equal(problem.accuracy[0, known], benchmark.accuracy[0, known])
    assert problem.names == ("parameters", "operations"), "ImageNet accuracies are records"
    assert problem.relations.shape[1] == 2


def test_what_is_tested_without_a_group_is_trained_without_it():
    benchmark = load_benchmark(FOLDER, "openclip")
    place, everyone = benchmark.targets.index("Food-101"), np.ones(121, dtype=bool)
    names = [card.name for card in benchmark.places]
    usable = np.delete(np.arange(38), place)
    for groups in (False, True):
        problem = benchmark.problem(place, benchmark.others(place, groups=groups), everyone, groups=groups)
        relation = problem.relations[:, problem.names.index("ImageNet accuracy")]
        variant = list(usable).index(names.index("ImageNet v2"))
        knows = np.array_equal(relation[variant], benchmark.accuracy[0])
        assert knows == (not groups)
        np.testing.assert_array_equal(problem.target_relations[-1], benchmark.accuracy[0])


def test_a_folder_of_images_tells_its_classes_and_pixels_only():
    benchmark = load_benchmark(FOLDER, "transfergraph")
    rows, everyone = benchmark.others(3, groups=False), np.ones(175, dtype=bool)
    whole, plain = (benchmark.problem(3, rows, everyone, plain=plain) for plain in (False, True))
    np.testing.assert_array_equal(whole.target[:2], plain.target[:2])
    distances = ((plain.places - plain.target) ** 2).sum(axis=1)
    assert (distances >= 2.99).all()
    assert (distances > ((whole.places - whole.target) ** 2).sum(axis=1) - 1e-9).all()


def test_imagenet_is_a_record_or_on_the_card():
    openclip = load_benchmark(FOLDER, "openclip")
    np.testing.assert_array_equal(openclip.imagenet(openclip.others(5, groups=False)), openclip.accuracy[0])
    assert openclip.imagenet(openclip.others(0, groups=False)) is None
    assert load_benchmark(FOLDER, "modelspider42").imagenet(np.ones(7, dtype=bool)) is None
    spider = load_benchmark(FOLDER, "modelspider10")
    assert spider.imagenet(np.ones(8, dtype=bool)).max() == 0.78312


def test_cards_of_torchvisions_models_are_torchvisions():
    from torchvision import models

    for name, card in json.loads((FOLDER / TORCHVISION).read_text())["models"].items():
        said = models.get_model_weights(name).IMAGENET1K_V1.meta
        assert card["num_params"] == said["num_params"]
        assert card["imagenet_accuracy"] == pytest.approx(said["_metrics"]["ImageNet-1K"]["acc@1"] / 100)


def test_somebodys_images_are_a_target_without_records():
    benchmark = load_benchmark(FOLDER, "openclip").asked(7, 64)
    assert benchmark.accuracy.shape == (39, 121) and benchmark.targets[0] == "your images"
    everyone, rows = np.ones(121, dtype=bool), benchmark.others(0, groups=False)
    problem = benchmark.problem(0, rows, everyone)
    assert rows.sum() == 38 and problem.accuracy.shape == (38, 121)
    np.testing.assert_allclose(problem.target[:2], [np.log10(7) / 2, np.log10(64)])


LENGTHS = (0.5, 1.0, 2.0)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(15, 2))
    kernel = np.exp(-squared_distances(points, points) / 2)
    values = np.linalg.cholesky(kernel + 0.1 * np.eye(15)) @ rng.normal(size=(15, 200))
    return points, 1.7 * values


def kernels(points):
    return np.stack([np.exp(-squared_distances(points, points) / (2 * length**2)) for length in LENGTHS])


def test_distances_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    expected = [[((a - b) ** 2).sum() for b in other] for a in one]
    np.testing.assert_allclose(squared_distances(one, other), expected)


def test_likelihoods_are_those_of_scikit_learn_at_the_best_scale(drawn):
    points, values = drawn
    found = likelihoods(*np.linalg.eigh(kernels(points)), values)
    constant = []
    for place, length in enumerate(LENGTHS):
        for noise, other in ((2, 3), (4, 5)):
            exact = []
            for chosen in (noise, other):
                kernel = np.exp(-squared_distances(points, points) / (2 * length**2)) + NOISES[chosen] * np.eye(15)
                scale = np.einsum("id,ij,jd->", values, np.linalg.inv(kernel), values) / values.size
                kernel = ConstantKernel(scale) * (RBF(length) + WhiteKernel(NOISES[chosen]))
                process = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(points, values)
                exact.append(process.log_marginal_likelihood_value_)
            constant += [exact[0] - found[place, noise], exact[1] - found[place, other]]
    np.testing.assert_allclose(constant, constant[0], rtol=1e-6)


def test_the_kernel_that_made_the_values_is_found(drawn):
    points, values = drawn
    place, inverse = fit_kernel(kernels(points), values)
    assert LENGTHS[place] == 1.0
    expected = np.linalg.inv(np.exp(-squared_distances(points, points) / 2) + 0.1 * np.eye(15))
    np.testing.assert_allclose(inverse, expected, atol=1e-8)


def test_groups_are_left_out_as_by_fitting_without_them(drawn):
    points, values = drawn
    kernel = np.exp(-squared_distances(points, points) / 2) + 0.1 * np.eye(15)
    groups = np.arange(15) // 4
    weights = left_out_weights(np.linalg.inv(kernel), groups)
    own, others = groups == 1, groups != 1
    expected = kernel[np.ix_(own, others)] @ np.linalg.inv(kernel[np.ix_(others, others)]) @ values[others]
    np.testing.assert_allclose((weights @ values)[own], expected, atol=1e-8)
    assert not weights[np.ix_(own, own)].any()
