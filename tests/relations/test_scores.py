import numpy as np
import pytest
from toy_relations import DATASETS, make_samples, make_scores, make_transports, transport_score

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.scores import join_rows, look_at, read_scores, write_scores


def test_a_row_is_what_a_loop_over_pairs_gives():
    samples, transports = make_samples(), make_transports(5)
    row = look_at(samples[0], samples, transports)[0]
    for place, transport in enumerate(transports):
        exact = transport_score(samples[0].coordinates, samples[0].labels, transport)
        assert row.transport[place] == pytest.approx(exact)
    for place, other in enumerate(samples):
        cosine = samples[0].token @ other.token / np.linalg.norm(samples[0].token) / np.linalg.norm(other.token)
        assert row.encoder[place] == pytest.approx(cosine)
    assert row.reference[0] == pytest.approx(2.0)


def test_a_new_data_set_and_new_models_join_what_is_there():
    scores, samples = make_scores(5), make_samples()
    row = look_at(samples[1], [*samples, samples[1]], make_transports(5))[0]
    more = scores.with_dataset("new", row)
    assert more.datasets == (*DATASETS, "new")
    np.testing.assert_array_equal(more.transport[-1], row.transport)
    np.testing.assert_array_equal(more.encoder[-1], row.encoder)
    np.testing.assert_array_equal(more.encoder[:, -1], row.encoder)
    assert np.isnan(more.few_shot[-1]).all()
    wider = scores.with_models(["x"], np.zeros((4, 1)), np.ones((4, 1)))
    assert wider.models[-1] == "x"
    assert (wider.transport[:, -1] == 0).all() and (wider.few_shot[:, -1] == 1).all()


def test_a_data_set_taken_as_a_new_one_joins_as_if_it_had_not_been_known():
    scores, known = make_scores(5), ("a", "c", "d")
    joined = scores.only(known, scores.models).with_dataset("b", scores.as_new_dataset("b", known))
    expected = scores.only((*known, "b"), scores.models)
    np.testing.assert_array_equal(joined.transport, expected.transport)
    for table in ("encoder", "reference", "same"):
        np.testing.assert_allclose(getattr(joined, table), getattr(expected, table))


def test_a_part_comes_in_the_order_asked_for_and_what_is_missing_is_named():
    scores = make_scores(5)
    part = scores.only(["c", "a"], ["m4", "m0"])
    np.testing.assert_array_equal(part.transport, scores.transport[[2, 0]][:, [4, 0]])
    np.testing.assert_array_equal(part.reference, scores.reference[[2, 0]][:, [2, 0]])
    with pytest.raises(ArtifactError, match="'zebra' has no pair scores"):
        scores.only(["a"], ["zebra"])


def test_variants_come_back_from_disk(tmp_path):
    scores = make_scores(5)
    blank = join_rows(
        DATASETS, scores.models, list(zip(scores.transport, scores.encoder, scores.reference, scores.same, strict=True))
    )
    path = write_scores(tmp_path / "scores.npz", {"one": scores, "two": blank})
    found = read_scores(path)
    assert list(found) == ["one", "two"]
    for name in ("transport", "few_shot", "encoder", "reference", "same"):
        np.testing.assert_allclose(getattr(found["one"], name), getattr(scores, name), rtol=1e-6)
    assert np.isnan(found["two"].few_shot).all()


def test_tables_that_do_not_fit_are_one_line(tmp_path):
    path = write_scores(tmp_path / "scores.npz", {"one": make_scores(5)})
    write_npz(path, {**read_npz(path), "one/transport": np.zeros((2, 2), np.float32)})
    with pytest.raises(ArtifactError, match=r"scores\.npz: 'one' does not fit together"):
        read_scores(path)


def test_a_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "scores.npz").write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match=r"scores\.npz"):
        read_scores(tmp_path / "scores.npz")
    write_npz(tmp_path / "scores.npz", {"datasets": np.array(["a"])})
    with pytest.raises(ArtifactError, match="models"):
        read_scores(tmp_path / "scores.npz")


@pytest.mark.parametrize("names", ["models", "datasets"])
def test_a_name_that_is_there_twice_is_one_line(tmp_path, names):
    path = write_scores(tmp_path / "scores.npz", {"one": make_scores(5)})
    arrays = read_npz(path)
    arrays[names][1] = arrays[names][0]
    write_npz(path, arrays)
    with pytest.raises(ArtifactError, match=r"scores\.npz: '.*' is in it twice"):
        read_scores(path)
