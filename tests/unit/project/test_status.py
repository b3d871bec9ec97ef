import json
import os
import socket
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from picker.project.claims import claim_path, claimed
from picker.project.manifests import write_manifest
from picker.project.records import failed
from picker.project.status import status_lines
from tests.unit.predicted import preprocessed

SHARDS = {"test-1": 2, "labeled-1": 3}


@pytest.fixture
def results():
    """Two shards; one is preprocessed, one failed; burn-in is done."""
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        yield filled(Path(name) / "results")


def filled(folder):
    put(
        folder / "run.json",
        json.dumps(
            {
                "method": "m",
                "stages": ["burn_in", "co_train"],
                "tomograms": 5,
                "noisy": True,
                "evaluated": False,
                "targets": ["relion5", "warp"],
                "shards": SHARDS,
            }
        ),
    )
    bad = failed(preprocessed("TS_2"), folder, "TS_2.mrc is cut")
    done = [preprocessed("TS_1"), replace(bad, retry=False)]
    write_manifest(folder / "manifests/preprocess/test-1.json", done)
    put(folder / "logs/preprocess/test-1.log", "fine")
    put(folder / "logs/preprocess/labeled-1.log", "one\ntwo\nno memory left\n")
    for minutes, name in ((60, "run.json"), (50, "logs/preprocess/labeled-1.log")):
        then = time.time() - 60 * minutes
        os.utime(folder / name, (then, then))
    put(folder / "m/models/burn_in.safetensors", "")
    return folder


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def status(results):
    return "".join(f"{line}\n" for line in status_lines(results))


def row(text, stage):
    (line,) = [x for x in text.splitlines() if x.split()[:1] == [stage]]
    return line.split()[1:]


def test_what_is_done_and_what_failed_with_its_last_words(results):
    text = status(results)
    assert "5 tomograms in 2 shards, method m" in text
    assert row(text, "preprocess") == ["1", "of", "2", "0", "1"]
    assert row(text, "burn_in") == ["1", "of", "1", "0", "0"]
    assert row(text, "predict") == ["0", "of", "2", "0", "0"]
    assert "failed   preprocess labeled-1" in text
    assert "no memory left" in text
    assert "unusable TS_2 (preprocess): TS_2.mrc is cut" in text


def test_what_runs_is_told_with_its_last_line(results):
    put(results / "logs/m/co_train.log", "co_train 50/100  3.0 min left\n")
    with claimed(results / "m/checkpoints/co_train.pt"):
        text = status(results)
    assert row(text, "co_train") == ["0", "of", "1", "1", "0"]
    assert "co_train 50/100  3.0 min left" in text


def test_a_log_that_grows_is_a_job_at_work_and_one_that_ends_in_error_is_not(
    results,
):
    log = results / "logs/m/export/warp.log"
    put(log, "12:00:00 relion5: picks of 5 tomograms\n")
    assert row(status(results), "export") == ["0", "of", "2", "1", "0"]
    put(log, "12:00:00 error: no tilt_pixel_size\n")
    text = status(results)
    assert row(text, "export") == ["0", "of", "2", "0", "1"]
    assert "failed   export warp, log" in text
    assert "error: no tilt_pixel_size" in text


def test_stages_that_are_not_planned_are_left_out(results):
    text = status(results)
    assert row(text, "calibrate") == ["0", "of", "1", "0", "0"]
    assert "evaluate" not in text


def test_a_job_that_has_said_nothing_yet_begins_and_one_silent_for_long_failed(results):
    log = results / "logs/m/co_train.log"
    put(log, "")
    text = status(results)
    assert row(text, "co_train") == ["0", "of", "1", "1", "0"]
    assert "running  co_train begins" in text
    early = log.stat().st_mtime - 1800
    os.utime(log, (early, early))
    assert row(status(results), "co_train") == ["0", "of", "1", "0", "1"]


def test_what_said_nothing_before_the_run_ended_failed(results):
    put(results / "logs/m/co_train.log", "")
    plan = json.loads((results / "run.json").read_text())
    me = psutil.Process()
    for host, began, begins in (
        (socket.gethostname(), me.create_time(), True),
        (socket.gethostname(), me.create_time() - 100, False),  # another by its number
        ("elsewhere", me.create_time() - 100, True),  # nobody can tell from here
    ):
        run = plan | {"host": host, "pid": me.pid, "started": began}
        put(results / "run.json", json.dumps(run))
        hour_ago = time.time() - 3600
        os.utime(results / "run.json", (hour_ago, hour_ago))
        text = status(results)
        assert ("running  co_train begins" in text) == begins
        assert ("failed   co_train" in text) != begins


@contextmanager
def a_colleague(folder):
    """Look at a folder as someone who may read it and no more."""
    for path in (folder.parent, folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    am_root = os.geteuid() == 0
    if am_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if am_root:
            os.seteuid(0)
        for path in (folder.parent, folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_who_may_only_read_sees_the_same(results):
    put(results / "logs/m/co_train.log", "50/100  3.0 min left\n")
    claim = claim_path(results / "m/checkpoints/co_train.pt")
    put(claim, json.dumps({"host": "elsewhere", "pid": 7}))
    before = status(results)
    assert row(before, "co_train") == ["0", "of", "1", "1", "0"]
    with a_colleague(results):
        with pytest.raises(PermissionError):
            (claim.parent / "probe").touch()
        assert status(results) == before
    os.utime(claim, (1e9, 1e9))  # not touched for long: its owner is dead
    with a_colleague(results):
        assert row(status(results), "co_train") == ["0", "of", "1", "0", "1"]


def test_the_log_of_a_run_before_is_no_failure(results):
    log = results / "logs/preprocess/labeled-1.log"
    os.utime(log, (1e9, 1e9))
    assert row(status(results), "preprocess") == ["1", "of", "2", "0", "0"]


def test_a_result_that_was_deleted_is_no_failure(results):
    """Nor is it done; one that failed after it was, is."""
    log = results / "logs/m/report.log"
    put(log, "12:00:00 report: done in 2.0 s\n")
    text = status(results)
    assert row(text, "report") == ["0", "of", "1", "0", "0"]
    assert f"deleted  report: {results}/report.html was made" in text
    assert "failed   report" not in text
    put(log, "12:00:00 report: done in 2.0 s\n12:00:00 error: no template\n")
    assert row(status(results), "report") == ["0", "of", "1", "0", "1"]


def test_a_damaged_manifest_hides_nothing_else(results):
    (results / "manifests/preprocess/labeled-1.json").write_text('{"tomograms": [')
    text = status(results)
    assert "damaged  preprocess: " in text
    assert "labeled-1.json is damaged" in text
    assert "unusable TS_2 (preprocess): TS_2.mrc is cut" in text


def test_halves_and_what_they_tell_are_stages_where_they_are_planned(results):
    assert "halves" not in status(results)
    record = json.loads((results / "run.json").read_text())
    more = {"halves": ["test-1"], "reproducibility": True, "noisy": False}
    put(results / "run.json", json.dumps(record | more))
    bad = failed(preprocessed("TS_3"), results, "TS_3_odd.star is cut")
    write_manifest(results / "m/manifests/reproducibility.json", [bad])
    write_manifest(results / "m/manifests/halves/test-1.json", [])
    text = status(results)
    assert row(text, "predict_halves") == ["1", "of", "1", "0", "0"]
    assert row(text, "reproducibility") == ["0", "of", "1", "0", "0"]
    assert "predict_noisy" not in text
    assert "unusable TS_3 (reproducibility): TS_3_odd.star is cut" in text
