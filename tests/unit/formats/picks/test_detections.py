import numpy as np
import pytest

from picker.core.detections import Detections
from picker.core.picks import picks_from_arrays
from picker.formats.picks.detections import read_detections, write_detections
from picker.formats.picks.star import write_picks


def found(score=(0.5, 0.25), side=(80.0, 60.1234)):
    places = [[0.0, 10.5, 20.25], [130.0, -1.5, 7.0]][: len(score)]
    squares = picks_from_arrays(places, ["apo ferritin", "b"][: len(score)], score)
    return Detections(squares=squares, side=np.array(side), min_chord=0.5, step=2)


def test_what_is_read_is_what_was_written_to_a_thousandth(tmp_path):
    path = tmp_path / "TS_1.star"
    write_detections(path, found(), {"fingerprint": "f"})
    again = read_detections(path)
    squares = found().squares
    np.testing.assert_array_equal(again.squares.position_zyx, squares.position_zyx)
    np.testing.assert_array_equal(again.squares.particle, squares.particle)
    np.testing.assert_array_equal(again.squares.score, squares.score)
    assert again.side.tolist() == [80.0, 60.123]
    assert (again.min_chord, again.step) == (0.5, 2)
    assert "# fingerprint: f" in path.read_text()


def test_none_at_all_is_a_table_too(tmp_path):
    path = tmp_path / "TS_1.star"
    write_detections(path, found((), ()))
    assert len(read_detections(path)) == 0


@pytest.mark.parametrize(
    ("score", "side", "said"),
    [
        ((0.5, 0.5), (1.0,), r"sides for their 2 squares; got \(1,\)"),
        ((0.5, 0.5), (1.0, -2.0), "side of detection 2 is -2 Å; expected a number"),
        ((0.5, 0.5), (1.0, np.nan), "side of detection 2 is nan"),
        ((0.5, 1.5), (1.0, 2.0), "score of detection 2 is 1.5; expected 0 to 1"),
    ],
)
def test_what_is_no_detection_is_refused(score, side, said):
    with pytest.raises(ValueError, match=said):
        found(score, side)


def test_files_of_something_else_and_damaged_ones_are_named(tmp_path):
    path = tmp_path / "TS_1.star"
    write_picks(path, found().squares)
    with pytest.raises(ValueError, match=r"TS_1.star has no table data_detections"):
        read_detections(path)
    write_detections(path, found())
    text = path.read_text()
    path.write_text(text.replace("80.000", "-80.000"))
    with pytest.raises(ValueError, match=r"TS_1.star holds no usable .* is -80 Å"):
        read_detections(path)
    path.write_text(text.replace("80.000", "eighty"))
    with pytest.raises(ValueError, match=r"TS_1.star: row 1 has pickerSide 'eighty'"):
        read_detections(path)
    path.write_text(text.replace("slice_step: 2", "slice_step: 0"))
    with pytest.raises(ValueError, match=r"every 0-th slice was looked at; expected 1"):
        read_detections(path)
    path.write_text(text.replace("min_chord: 0.5", "min_chord: 2"))
    with pytest.raises(ValueError, match=r"min_chord is 2; expected a fraction of the"):
        read_detections(path)
    path.write_text(text.replace("min_chord: 0.5", "min_chord: half"))
    with pytest.raises(ValueError, match=r"TS_1.star holds no usable .*'half'"):
        read_detections(path)
