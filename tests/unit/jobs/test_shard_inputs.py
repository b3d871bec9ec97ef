import pytest

from picker.jobs import shard_inputs
from picker.jobs.shard_inputs import Input, Request, read_ahead, read_in_turn
from tests.unit.predicted import preprocessed


@pytest.mark.parametrize("number", [1, 4])
def test_no_more_is_read_ahead_than_asked_for_and_all_in_order(number):
    entries = [preprocessed(f"TS_{i}") for i in range(9)]
    requests = [Request(entry=entry, path=entry.volume) for entry in entries]
    begun = []

    def read(request):
        begun.append(request.entry.tomogram)
        return Input(key=request.entry.tomogram)

    seen = []
    for request, future in read_ahead(requests, read, number):
        assert future.result().key == request.entry.tomogram
        assert len(begun) <= len(seen) + 1 + number
        seen.append(request.entry.tomogram)
    assert seen == [entry.tomogram for entry in entries]


def test_in_turn_nothing_is_read_before_it_is_asked_for(monkeypatch, tmp_path):
    entries = [preprocessed(f"TS_{i}") for i in range(5)]
    requests = [Request(entry=e, path=tmp_path / e.tomogram) for e in entries]
    requests[3].path.touch()  # its candidates are there
    begun, closer = [], []

    def read(request):
        begun.append(request.entry.tomogram)
        return Input(key=request.entry.tomogram)

    monkeypatch.setattr(shard_inputs, "read_into_cache", closer.append)
    seen = []
    for request, future in read_in_turn(requests, read):
        assert future.result().key == request.entry.tomogram
        seen.append(request.entry.tomogram)
        assert begun == seen
    assert seen == [entry.tomogram for entry in entries]
    assert closer == [entries[i].volume for i in (1, 2, 4)]
