import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from experiments.zoo_build.threads import one_thread


def test_every_library_has_one_thread_and_torch_gets_its_own_back():
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the linear algebra
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
