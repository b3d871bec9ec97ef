"""The lock of a project's folder: what a killed run left, and what a living one has."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from picker.project import locks
from picker.project.layout import Results
from picker.project.locks import Workplace, this_starter
from picker.project.manifests import write_manifest
from picker.project.run_record import RunRecord, read_run_record, write_run_record
from tests.unit.predicted import preprocessed

HERE = socket.gethostname()
NOBODY = 2**22 + 1
"""Above the highest number that Linux gives a process."""
RECORD = RunRecord(method="m", tomograms=1, noisy=True, shards={"test-1": 1})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a lock."""
    monkeypatch.chdir(tmp_path)
    put(".snakemake/locks/0.output.lock")
    return tmp_path


def put(path, text=""):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def leave_note(host, pid, started, text=""):
    return put(f".snakemake/started/{host}.{pid}.{started:.0f}.run", text)


def enter(*words, manifests=(), dry_run=False):
    """Return the manifests to make again, and what a person is told."""
    said = []
    workplace = Workplace(Results(), said.append, words, dry_run=dry_run)
    try:
        return workplace.enter(manifests), " ".join(said)
    finally:
        workplace.me.note.unlink(missing_ok=True)


def lock_is_there():
    return Path(".snakemake/locks/0.output.lock").exists()


def test_the_lock_of_a_dead_run_is_removed_with_its_note(folder):
    word = leave_note(HERE, NOBODY, 0)
    _, said = enter()
    assert said == (
        f"The run before (process {NOBODY} on {HERE}) was killed: its lock is removed."
    )
    assert not lock_is_there()
    assert not word.exists()


@pytest.mark.parametrize(("error", "is_alive"), [(0, True), (3600, False)])
def test_a_process_is_told_by_its_number_and_its_start(folder, error, is_alive):
    """Numbers are given again."""
    parent = psutil.Process(os.getppid())
    word = leave_note(HERE, parent.pid, parent.create_time() - error)
    _, said = enter()
    assert (f"process {parent.pid} on {HERE} is at work" in said) == is_alive
    assert lock_is_there() == word.exists() == is_alive


LOOKS = ["--summary", "--dag", "-D", "-l", "--report a.zip", "--report=a.zip"]


@pytest.mark.parametrize("looks", [words.split() for words in LOOKS])
def test_whoever_looks_on_leaves_all_as_it_is(folder, looks):
    word = leave_note(HERE, NOBODY, 0)
    before = sorted(folder.rglob("*"))
    for words, dry_run in ((looks, False), ((), True)):
        _, said = enter(*words, dry_run=dry_run)
        assert "the next run removes its lock" in said
        assert sorted(folder.rglob("*")) == before
    assert lock_is_there()
    assert word.exists()


def test_nobody_on_another_host_is_taken_for_dead(folder):
    leave_note(HERE, NOBODY, 0)
    leave_note("else.where", 1, 0)
    leave_note("a", "copy of", 0)
    _, said = enter()
    assert said == (
        "In this folder process 1 on else.where is at work. If it has ended:"
        " snakemake --unlock"
    )
    assert lock_is_there()
    assert len(list(Path(".snakemake/started").iterdir())) == 3


def test_a_lock_without_a_note_stays(folder):
    _, said = enter()
    assert "In this folder a run that left no note is at work" in said
    assert lock_is_there()


def test_a_run_that_is_at_work_counts_without_a_lock(folder):
    Path(".snakemake/locks/0.output.lock").unlink()
    dead = leave_note(HERE, NOBODY, 0)
    note = leave_note("else.where", 1, 0, "at work\n")
    assert "is at work" in enter()[1]
    assert dead.exists()
    note.write_text("")  # it only reads
    assert enter()[1] == ""
    assert not dead.exists()


@pytest.mark.parametrize("word", ["--unlock", "--unl"])
def test_unlocking_deletes_all_notes(folder, word):
    leave_note("else.where", 1, 0, "at work\n")
    manifest = put("results/m.json", "damaged")
    assert enter(word, manifests=[str(manifest)]) == (set(), "")
    assert list(Path(".snakemake/started").iterdir()) == []
    assert manifest.exists()


def test_a_run_writes_a_note_that_it_is_at_work_and_what_it_plans(folder):
    Path(".snakemake/locks/0.output.lock").unlink()
    workplace = Workplace(Results(), print, [], dry_run=False)
    workplace.enter([])
    assert workplace.me.note.read_text() == ""
    workplace.record(RECORD)
    assert workplace.me.note.read_text() == "at work\n"
    found = read_run_record(Path("results/run.json"))
    assert (found.pid, found.host, found.shards) == (os.getpid(), HERE, RECORD.shards)
    assert not found.is_over
    assert workplace.me == this_starter()
    workplace.me.note.unlink()


def test_stale_manifests_are_deleted_or_planned_with(folder):
    Path(".snakemake/locks/0.output.lock").unlink()
    good, bad = Path("good.json"), Path("bad.json")
    for path, name in ((good, "here.zarr"), (bad, "gone.zarr")):
        volume = folder / name
        write_manifest(path, [preprocessed(volume=volume)])
    put(folder / "here.zarr")
    manifests = ["good.json", "bad.json", "none.json"]
    stale, said = enter(manifests=manifests, dry_run=True)
    assert stale == {"bad.json"}
    assert said == (
        "1 manifests name files that are gone or were changed; their shards run again:"
        " bad.json"
    )
    assert bad.exists()
    assert enter(manifests=manifests) == (set(), "")
    assert good.exists()
    assert not bad.exists()


def test_under_a_living_run_no_manifest_is_looked_at(folder):
    leave_note("else.where", 1, 0)
    manifest = put("m.json", "damaged")
    assert enter(manifests=["m.json"])[0] == set()
    assert manifest.exists()


@pytest.mark.parametrize(
    ("pid", "host", "dry_run", "asked"),
    [
        (NOBODY, HERE, False, True),
        (NOBODY, HERE, True, False),
        (NOBODY, "else.where", False, False),
        (os.getpid(), HERE, False, False),
    ],
)
def test_slurm_is_asked_once_the_last_run_is_known_to_be_over(
    folder, monkeypatch, pid, host, dry_run, asked
):
    Path(".snakemake/locks/0.output.lock").unlink()
    started = psutil.Process().create_time()
    last = RunRecord(
        method="m",
        tomograms=1,
        noisy=True,
        shards={},
        host=host,
        pid=pid,
        started=started,
    )
    write_run_record(Path("results/run.json"), last)
    calls = []

    def cancel(*folders):
        calls.append(folders)
        return 2, 1

    monkeypatch.setattr(locks, "cancel_idle_orphans", cancel)
    _, said = enter(dry_run=dry_run)
    assert calls == ([(Path(), Path("results"))] if asked else [])
    expected = "Of its jobs in the queue 2 not at work are cancelled; 1 continue."
    assert said == (expected if asked else "")


def test_a_damaged_record_of_the_last_run_stops_nothing(folder):
    Path(".snakemake/locks/0.output.lock").unlink()
    put("results/run.json", "{")
    assert enter() == (set(), "")
