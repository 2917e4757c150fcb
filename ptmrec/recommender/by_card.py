"""Models that were added; those that cannot be run here are ranked by their cards, as the known one nearest to each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ptmrec.core.errors import ArtifactError
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.registered import Added, leave_out, read_registered
from ptmrec.recommender.registration import extend
from ptmrec.zoo.card import Card
from ptmrec.zoo.snapshot import Snapshot


def nearest_by_card(card: Card, cards: dict[str, Card]) -> str:
    """The known model nearest to a card: of its family where there is one, then by the logarithm of the size."""
    kin = [name for name, known in cards.items() if known.family == card.family] or list(cards)
    size = np.log(max(card.num_params, 1))
    return min(kin, key=lambda name: (abs(np.log(cards[name].num_params) - size), name))


def extend_by_card(knowledge: Knowledge, snapshots: Sequence[Snapshot]) -> tuple[Knowledge, dict[str, str]]:
    """Knowledge with models of which only cards are known.

    What running it would have shown is borrowed from the nearest known model; size and source are its own.

    Returns:
        The knowledge, and for each model the one it borrows from.
    """
    found, lenders, names = {}, {}, list(knowledge.cards)
    known = {name: card for name, card in knowledge.cards.items() if name not in {s.name for s in snapshots}}
    scores = knowledge.scores
    for snapshot in snapshots:
        lender = lenders[snapshot.name] = nearest_by_card(snapshot.card, known)
        place = names.index(lender)
        found[snapshot.name] = {
            "transport": knowledge.transports[place],
            "transported": scores.transport[:, place],
            "few_shot": scores.few_shot[:, place],
        }
    if not snapshots:
        return knowledge, {}
    return extend(knowledge, {snapshot.name: snapshot.card for snapshot in snapshots}, found), lenders


def _fitting(added: Added, knowledge: Knowledge, folder: Path) -> Added:
    """Those models whose numbers are about the known data sets and the reference space as they are now."""
    sizes, space = {len(knowledge.samples)}, knowledge.transports[0].shape[0]
    fitting = []
    for snapshot, found in added.ran:
        lengths = {len(found["transported"]), len(found["few_shot"])}
        if lengths == sizes and found["transport"].shape[0] == space:
            fitting.append((snapshot, found))
        else:
            leave_out(folder / snapshot.name, ArtifactError("it was added with other known data sets or references"))
    return replace(added, ran=tuple(fitting))


def with_registered(
    folder: Path, knowledge: Knowledge, snapshots: Sequence[Snapshot]
) -> tuple[Knowledge, list[Snapshot], dict[str, str]]:
    """Knowledge and candidates with the models that were added; they replace others of their name.

    Returns:
        Knowledge, candidates, and for each model that is known by its card only the one it borrows from.
    """
    added = _fitting(read_registered(folder), knowledge, folder)
    if added.ran:
        cards = {snapshot.name: snapshot.card for snapshot, _ in added.ran}
        knowledge = extend(knowledge, cards, {snapshot.name: found for snapshot, found in added.ran})
    knowledge, lenders = extend_by_card(knowledge, added.bare)
    new = [*(snapshot for snapshot, _ in added.ran), *added.bare]
    names = {snapshot.name for snapshot in new}
    return knowledge, [*(snapshot for snapshot in snapshots if snapshot.name not in names), *new], lenders
