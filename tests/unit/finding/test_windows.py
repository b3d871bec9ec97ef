import pytest

from picker.finding.windows import spans


@pytest.mark.parametrize("halo", [0, 8, 24])
@pytest.mark.parametrize("alignment", [2, 8])
@pytest.mark.parametrize(
    ("size", "largest"), [(64, 64), (66, 64), (184, 90), (630, 96), (20, 64), (350, 16)]
)
def test_windows_keep_each_voxel_once_and_see_beyond_it(size, largest, halo, alignment):
    found = spans(size, largest, halo, alignment)
    kept = [i for span in found for i in range(span.first, span.last)]
    assert kept == list(range(size))
    room = (largest - 2 * alignment) // 2
    for span in found:
        assert span.stop - span.start <= largest
        assert span.start % alignment == 0
        assert (span.stop - span.start) % 2 == 0
        assert span.start <= max(0, span.first - min(halo, room - room % 2))
        assert span.stop >= min(size, span.last + min(halo, room - room % 2))


def test_there_are_no_more_windows_than_needed():
    assert len(spans(630, 352, 24, 8)) == 2
    assert len(spans(352, 352, 24, 8)) == 1
