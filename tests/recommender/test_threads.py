import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from ptmrec.config.parser import ConfigParser
from ptmrec.recommender.threads import one_thread


@pytest.fixture(autouse=True)
def before():
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the linear algebra
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_every_library_has_one_thread_and_torch_gets_its_own_back():
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        raise KeyError
    assert torch.get_num_threads() == 2


def test_an_answer_takes_one_thread_but_for_an_encoder_of_ones_own():
    with one_thread(ConfigParser()):
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == 2
    with one_thread(ConfigParser(None, "default", {"encoder.model": "ViT-B-32"})):
        assert torch.get_num_threads() == 2
