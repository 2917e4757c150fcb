import pytest

from ptmrec.config.sections import ExtractConfig
from ptmrec.core.errors import ConfigError
from ptmrec.extractors.base import get_extractor
from ptmrec.extractors.views import ViewExtractor
from ptmrec.extractors.weights import WeightsExtractor


def test_names_are_found_whatever_their_case_and_unknown_ones_listed():
    assert get_extractor("WEIGHTS") is WeightsExtractor
    with pytest.raises(ConfigError, match="known: card, responses, source, weights"):
        get_extractor("colour")


def test_the_configuration_decides_which_are_built():
    built = ViewExtractor(ExtractConfig(views=["card", "weights"], vector_length=128, centres=4), {}).extractors
    assert [extractor.name for extractor in built] == ["card", "weights"]
    assert (built[1].dim, built[1].centres) == (128, 4)
