import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from toy_knowledge import make_knowledge

from ptmrec.recommender.by_card import extend_by_card, nearest_by_card, with_registered
from ptmrec.recommender.registered import Added


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
    lender = list(knowledge.cards)[3]
    card = replace(knowledge.cards[lender], name="remote")
    more, lenders = extend_by_card(knowledge, [SimpleNamespace(name="remote", card=card)])
    place, own = list(more.cards).index(lenders["remote"]), list(more.cards).index("remote")
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
        added = Added(((SimpleNamespace(name="mine", card=card), {**found, **change}),))
        monkeypatch.setattr("ptmrec.recommender.by_card.read_registered", lambda _, added=added: added)
        with caplog.at_level(logging.WARNING):
            more, snapshots, _ = with_registered(tmp_path, knowledge, [])
        assert len(snapshots) == len(more.cards) - len(knowledge.cards) == kept
    assert caplog.text.count("mine is left out (it was added with other known data sets") == 2
