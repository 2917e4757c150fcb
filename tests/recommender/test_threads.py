import torch
from threadpoolctl import threadpool_info

from ptmrec.config.parser import ConfigParser
from ptmrec.recommender.threads import few_threads


def test_the_embedded_encoder_takes_one_thread_and_gives_the_others_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with few_threads(ConfigParser()):
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == 2
    with few_threads(ConfigParser(None, "default", {"encoder.model": "ViT-B-32"})):
        assert torch.get_num_threads() == 2, "an encoder of one's own keeps them"
    torch.set_num_threads(before)
