import numpy as np
from sklearn.neighbors import NearestNeighbors
from toy_images import write_pictures

from ptmrec.inspection.labels import agreement, check_labels, pixel_features
from ptmrec.inspection.scan import scan_folder


def test_agreement_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(40, 3)), generator.integers(0, 3, 40)
    near = NearestNeighbors(n_neighbors=5).fit(features).kneighbors(return_distance=False)
    own, null, p = agreement(features, labels)
    assert own == (labels[near] == labels[:, None]).mean()
    shares = np.bincount(labels) / 40
    assert abs(null - (shares**2).sum()) < 0.03 and p > 0.02


def test_clusters_agree_and_their_shuffled_labels_do_not():
    labels = np.repeat(np.arange(4), 15)
    features = 4 * np.eye(4)[labels] + np.random.default_rng(1).normal(size=(60, 4))
    assert agreement(features, labels)[2] < 0.01
    assert agreement(features, np.random.default_rng(2).permutation(labels))[2] > 0.02


def test_the_encoder_is_asked_only_where_pixels_show_nothing(tmp_path):
    scan = scan_folder(write_pictures(tmp_path, {"a": 20, "b": 20}))
    assert {name: part.shape for name, part in pixel_features(scan).items()} == {
        "form": (40, 1024),
        "colour": (40, 192),
    }
    asked = []

    def encode(paths):
        asked.append(len(paths))
        return np.eye(len(paths))

    assert check_labels(scan, encode)[0][0].severity == "ok" and not asked
    scan.labels[:] = np.random.default_rng(0).permutation(scan.labels).tolist()
    (finding,), facts = check_labels(scan, encode)
    assert finding.severity == "fault" and asked == [40] and "encoder" in facts["basis"]


def test_few_images_or_one_class_get_no_answer(tmp_path):
    assert check_labels(scan_folder(write_pictures(tmp_path / "few", {"a": 4, "b": 4}))) == ([], {})
    assert check_labels(scan_folder(write_pictures(tmp_path / "one", {"a": 30}))) == ([], {})
