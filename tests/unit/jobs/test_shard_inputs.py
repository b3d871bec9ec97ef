import pytest

from picker.jobs.shard_inputs import Input, Request, read_ahead
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
