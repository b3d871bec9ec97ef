import json

import pytest

from picker.formats.tables.thresholds import OtherModelError, read_thresholds
from tests.unit.predicted import MODEL, calibrated, thresholds_of

PART = {"rule": "f1", "number": 9.5, "number_is": "expected", "recall": 0.5}
DEEP = "[" * 100_000 + "]" * 100_000


def test_thresholds_of_the_model_are_read(tmp_path):
    path = tmp_path / "thresholds.json"
    path.write_text(thresholds_of({"a": calibrated(0.3), "b": calibrated(1)}))
    found = read_thresholds(path, MODEL, ["a", "b"])
    assert found.lowest == {"a": 0.3, "b": 1.0}
    assert found.particles["a"].source == "validation"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "do not say which model they belong to"),
        ("[]", "do not say which model they belong to"),
        ('{"ribosome": 0.3}', "do not say which model they belong to"),
        ('{"ribosome": {"threshold": null}}', "do not say which model they belong to"),
        ("threshold 0.3", "cannot be read: .*Expecting value"),
        ("", "cannot be read: .*Expecting value"),
        (DEEP, "cannot be read: .*brackets nested too deeply"),
        (f'{{"model": {DEEP}}}', "cannot be read: .*brackets nested too deeply"),
        ('{"model": "a", "model": "b"}', "cannot be read: .*the key 'model' twice"),
        ('{"model": "a"}', "particles: Field required"),
        (thresholds_of([]), "particles: Input should be an object"),
        (thresholds_of({"ribosome": 0.3}), r"particles\.ribosome: .*\(got 0\.3\)"),
        (thresholds_of({"ribosome": {}}), r"particles\.ribosome\.threshold: Field req"),
        *(
            (thresholds_of({"ribosome": calibrated(bad)}), r"ribosome\.threshold: ")
            for bad in (None, "0.3", True, -0.1, 1.1, float("nan"), float("inf"))
        ),
        (thresholds_of({"ribosome": calibrated(source="web")}), r"ribosome\.source: "),
        (thresholds_of({"ribosome": calibrated(f=None)}), "expected f and reliability"),
        (thresholds_of({"ribosome": calibrated(source="partial")}), "with source part"),
        (thresholds_of({"ribosome": calibrated(partial=PART)}), "and there alone"),
        (
            thresholds_of(
                {
                    "ribosome": calibrated(
                        source="partial", partial=PART | {"number": -1.0}
                    )
                }
            ),
            r"ribosome\.partial\.number: ",
        ),
        (thresholds_of({}), "have none for ribosome"),
    ],
)
def test_what_is_no_file_of_thresholds_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "thresholds.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_thresholds(path, MODEL, ["ribosome"])
    assert str(caught.value).startswith(f"thresholds {path} ")
    assert "calibrate again" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_thresholds_of_partial_tomograms_are_read_as_they_were_written(tmp_path):
    of_part = calibrated(source="partial", partial=PART, f=None, reliability=None)
    path = tmp_path / "thresholds.json"
    path.write_text(thresholds_of({"a": of_part, "b": calibrated(0.25)}))
    found = read_thresholds(path, MODEL, ["a", "b"])
    path.write_text(found.as_json())
    assert read_thresholds(path, MODEL, ["a", "b"]) == found
    assert found.particles["a"].partial.number == 9.5
    # Of complete truth the file is what it always was.
    assert list(json.loads(found.as_json())["particles"]["b"]) == [
        *("threshold", "f", "num_truth", "reliability", "source")
    ]


def test_text_that_is_none_and_files_that_are_missing_are_named(tmp_path):
    path = tmp_path / "thresholds.json"
    with pytest.raises(ValueError, match=r"thresholds\.json do not exist"):
        read_thresholds(path, MODEL, [])
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"thresholds\.json.* is not text"):
        read_thresholds(path, MODEL, [])


def test_another_models_thresholds_are_refused(tmp_path):
    path = tmp_path / "thresholds.json"
    path.write_text(thresholds_of({"a": calibrated()}, model="f" * 32))
    with pytest.raises(OtherModelError, match=r"fingerprint f{12}, expected 0123"):
        read_thresholds(path, MODEL, ["a"])
