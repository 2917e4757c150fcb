from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from toy_knowledge import make_knowledge

from ptmrec.recommender.by_card import extend_by_card, nearest_by_card


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
