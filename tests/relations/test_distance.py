import numpy as np
import pytest
from toy_relations import make_samples

from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.samples import DatasetSample


@pytest.fixture(scope="module")
def samples() -> dict[str, DatasetSample]:
    return {sample.name: sample for sample in make_samples()}


def test_a_known_data_set_finds_itself_at_distance_0(samples):
    surroundings = fit_surroundings(samples)
    for name, sample in samples.items():
        nearest = surroundings.nearest(sample)
        assert (nearest.name, nearest.distance) == (name, pytest.approx(0.0, abs=1e-9))
        assert surroundings.warning(sample) == ""


def test_farthest_is_the_largest_distance_of_a_known_set_from_the_others(samples):
    surroundings = fit_surroundings(samples)
    found = []
    for name, one in samples.items():
        centre = one.coordinates.mean(axis=0)
        spread = np.sqrt(np.mean([np.sum((row - centre) ** 2) for row in one.coordinates]))
        distances = []
        for other in (samples[key] for key in samples if key != name):
            cosine = one.token @ other.token / np.linalg.norm(one.token) / np.linalg.norm(other.token)
            shift = np.linalg.norm(centre - other.coordinates.mean(axis=0)) / spread
            distances.append(np.mean(np.array([1 - cosine, shift]) / surroundings.typical))
        found.append(min(distances))
    assert surroundings.farthest == pytest.approx(max(found))


def test_what_lies_beyond_all_known_sets_is_said(samples):
    surroundings = fit_surroundings(samples)
    one = samples["a"]
    away = DatasetSample("new", -one.token, one.coordinates + 50, one.labels)
    assert "Nothing known is like this data set" in surroundings.warning(away)


def test_images_that_are_all_the_same_lie_far_away(samples):
    one = samples["a"]
    same = DatasetSample("same", one.token, np.ones_like(one.coordinates), one.labels)
    surroundings = fit_surroundings(samples)
    assert np.isfinite(surroundings.nearest(same).distance)
    assert surroundings.warning(same)
    blank = DatasetSample("blank", np.zeros_like(one.token), np.zeros_like(one.coordinates), one.labels)
    assert np.isfinite(surroundings.nearest(blank).distance)


def test_one_known_data_set_has_no_surroundings(samples):
    with pytest.raises(ValueError, match="at least two"):
        fit_surroundings({"a": samples["a"]})
