import torch

from picker.training.loading import useful_workers


def test_a_gpu_gets_a_worker_for_each_further_core(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    assert useful_workers(torch.device("cpu")) == 1
    assert useful_workers(torch.device("cuda")) == 15
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert useful_workers(torch.device("cpu")) == 0
    assert useful_workers(torch.device("cuda")) == 1
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert useful_workers(torch.device("cuda")) == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert useful_workers(torch.device("cuda")) == 1
