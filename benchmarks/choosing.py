"""Choosing among N models for a new data set: eight references against LogME, which runs every candidate."""

from collections.abc import Sequence

import numpy as np

from benchmarks.timing import Row, compare, take_turns
from ptmrec.benchmark.battery import DEMO, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.baselines.logme import log_maximum_evidence
from ptmrec.recommender.answer import answer
from ptmrec.recommender.ensemble import Recommender
from ptmrec.recommender.images import read_user_images
from ptmrec.recommender.references import References
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import Snapshot, read_zoo

COUNTS = (50, 100, 200)


def _logme(snapshots: Sequence[Snapshot], images: np.ndarray, labels: np.ndarray) -> list[float]:
    return [log_maximum_evidence(extract_features(snapshot.load(), images), labels) for snapshot in snapshots]


def run() -> list[Row]:
    """Seconds of both for the demo's images; the recommender is loaded, as in a second question."""
    config = ConfigParser()
    paths = config.get(PathsConfig)
    part = read_battery(paths.battery)[DEMO]
    chosen = read_user_images(part.images, [part.class_names[label] for label in part.labels])
    recommender, references, zoo = Recommender.load(paths.recommender), References(config), read_zoo(paths.zoo)
    rows = []
    for count in COUNTS:
        listed = zoo[:count]
        ways = {
            "ours": lambda listed=listed: (
                answer(recommender, recommender.knowledge, references, listed, chosen, "low_data", config).frame
            ),
            "LogME on all": lambda listed=listed: _logme(listed, part.images, part.labels),
        }
        work = f"choosing among {count} models, {len(part.images)} images"
        rows += compare(work, take_turns(ways, 3), "ours", {"LogME on all": 1 / 50 if count == COUNTS[-1] else None})
    return rows
