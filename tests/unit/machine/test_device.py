import pytest
import torch

from picker.machine.device import choose_device


def test_asking_for_a_gpu_that_is_not_there_says_so():
    if torch.cuda.is_available():
        assert choose_device("cuda").type == "cuda"
    else:
        with pytest.raises(ValueError, match="torch finds no GPU; set device: auto"):
            choose_device("cuda")
