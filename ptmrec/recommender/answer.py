"""From images to a ranking: samples, relations, correction, and verification if it is wanted."""

from collections.abc import Sequence

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, DatasetTokenConfig
from ptmrec.dataloader.dataset_tokens import class_tokens
from ptmrec.images.user_images import UserImages
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.references import ENCODER, References
from ptmrec.recommender.session import Looked, Session
from ptmrec.recommender.user_samples import draw_samples, pseudo_labels, shrink
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.samples import DatasetSample
from ptmrec.zoo.snapshot import Snapshot


def answer(
    recommender: Recommender,
    knowledge: Knowledge,
    references: References,
    snapshots: Sequence[Snapshot],
    chosen: UserImages,
    regime: str,
    config: ConfigParser,
    lenders: dict[str, str] | None = None,
) -> Session:
    """Rank models for images; arguments as in :func:`ptmrec.recommender.ranking.recommend`.

    ``lenders`` names, for each model that is known by its card only, the one it borrows from.
    """
    looked, whole = _look(references, chosen, config)
    same = knowledge.compare(whole)
    tables, found = zip(*(knowledge.look(sample, same) for sample in looked.samples), strict=True)
    ranked = [knowledge.rank(pairs, regime) for pairs in tables]
    return Session(
        knowledge,
        regime,
        snapshots,
        chosen,
        looked,
        list(tables),
        np.mean([own for own, _ in ranked], axis=0) + _correction(recommender, knowledge, tables, looked, regime),
        np.stack([values for _, values in ranked], axis=1),
        list(found),
        config,
        lenders=lenders or {},
    )


def _look(references: References, chosen: UserImages, config: ConfigParser) -> tuple[Looked, DatasetSample]:
    """What is made of the images, and all of them in the reference space."""
    settings, small = config.get(DatasetTokenConfig), shrink(chosen.images)
    features = references.features(small)
    labels = pseudo_labels(features[ENCODER], chosen.labels, settings.clusters, settings.seed)
    tokens = class_tokens(features[ENCODER], labels, settings.shots, settings.draws, settings.seed)
    coordinates = references.space.encode(features)
    samples, positions = draw_samples(features[ENCODER], coordinates, labels, settings.seed)
    whole = DatasetSample(TARGET, samples[0].token, coordinates, labels)
    return Looked(small, labels, tokens, samples, positions[0]), whole


def _correction(
    recommender: Recommender, knowledge: Knowledge, tables: Sequence[PairTable], looked: Looked, regime: str
) -> np.ndarray:
    """What the rankers add to the linear part, ``(N,)``; 0 for models the recommender holds no tokens of.

    They read the relations as well, as in training, so that their linear part comes with the answer and is taken off.
    """
    if not recommender.epochs:
        return np.zeros(len(knowledge.cards))
    networks = recommender.networks
    names = [name for name in knowledge.cards if name in networks.model_names]
    ranker, rows = knowledge.regimes[regime].ranker, [list(knowledge.cards).index(name) for name in names]
    relations = np.mean([ranker.inputs(pairs, TARGET) for pairs in tables], axis=0)[rows]
    tokens = networks.tokens_of(names)
    answers = predict(networks.members, tokens, looked.tokens, regime, relations).mean(axis=1)
    linear = [relations @ member.linear[REGIMES.index(regime)].double().numpy() for member in networks.members]
    own = dict(zip(names, np.mean(answers - np.stack(linear), axis=0), strict=True))
    return np.array([own.get(name, 0.0) for name in knowledge.cards])
