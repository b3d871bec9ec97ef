"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import signal
import socket
from multiprocessing import get_context
from pathlib import Path

import pytest

from picker.core.files import delete_leftovers, writer_id, written_whole
from picker.project.claims import claimed, delete_leftovers_of_ended_jobs

ME = writer_id(socket.gethostname(), os.getpid())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_remains(tmp_path):
    path = tmp_path / "new" / "picks.star"
    with written_whole(path) as temporary:
        temporary.write_text("old")

    def fail():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert path.read_text() == "old"
    assert names(path.parent) == ["picks.star"]


def test_a_folder_replaces_a_folder(tmp_path):
    path = tmp_path / "TS_01.zarr"
    path.mkdir()
    (path / "old").touch()
    with written_whole(path) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert names(path) == ["new"]
    assert names(tmp_path) == ["TS_01.zarr"]


def test_what_is_to_last_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, waited = tmp_path / "state.pt", []

    def fsync(descriptor):
        place = Path(f"/proc/self/fd/{descriptor}").resolve()
        waited.append((place.name.split(".")[-1], path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with written_whole(path, lasting=True) as temporary:
        temporary.write_text("hours of training")
    assert waited == [("picker-tmp", False), (tmp_path.name, True)]


def write(path, kind, text, ready=None, go=None):
    with written_whole(path) as temporary:
        file = temporary
        if kind == "folder":
            temporary.mkdir()
            file = temporary / "chunk"
        file.write_text(text)
        if ready:
            ready.set()
            go.wait()


@pytest.fixture
def other():
    """A function that starts one in another process and waits until it is halfway."""
    context = get_context("spawn")
    started = []

    def start(*arguments):
        ready, go = context.Event(), context.Event()
        process = context.Process(target=write, args=(*arguments, ready, go))
        process.start()
        started.append(process)
        assert ready.wait(60)
        return process, go

    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_two_writers_of_one_name_leave_one_whole_result(tmp_path, other, kind):
    """As two layouts of shards do while a killed workflow's jobs still run."""
    path = tmp_path / "TS_01"
    process, go = other(path, kind, "theirs")
    write(path, kind, "ours")
    file = path / "chunk" if kind == "folder" else path
    assert file.read_text() == "ours"
    go.set()
    process.join()
    assert process.exitcode == 0
    assert file.read_text() == "theirs"
    assert names(tmp_path) == ["TS_01"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_job_deletes_what_a_killed_one_left(tmp_path, other, kind):
    folder = tmp_path / "volumes"
    process, _ = other(folder / "TS_01", kind, "half")
    assert len(names(folder)) == 1
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with claimed(tmp_path / "new layout.json", folder, tmp_path / "no folder"):
        assert names(folder) == []


def work(folder, ready, go):
    with claimed(folder / "old layout.json", folder / "volumes"):
        write(folder / "volumes" / "TS_01", "file", "theirs", ready, go)


def test_what_another_layouts_job_is_writing_stays(tmp_path):
    context = get_context("spawn")
    ready, go = context.Event(), context.Event()
    process = context.Process(target=work, args=(tmp_path, ready, go))
    process.start()
    assert ready.wait(60)
    with claimed(tmp_path / "new layout.json", tmp_path / "volumes"):
        go.set()
        process.join()
    assert process.exitcode == 0
    assert (tmp_path / "volumes" / "TS_01").read_text() == "theirs"


def test_only_our_own_remains_are_deleted(tmp_path):
    mine = (f".a.{ME}.picker-tmp", f".b.zarr.{ME}.picker-old")
    kept = [".bashrc.old", ".x.tmp", "a.picker-tmp", "TS_01.star"]
    for name in (*mine, ".a.elsewhere.7.picker-tmp", *kept):
        (tmp_path / name).touch()
    delete_leftovers(tmp_path, lambda: [ME])
    assert names(tmp_path) == sorted([*mine, *kept])
    delete_leftovers(tmp_path, lambda: [])
    assert names(tmp_path) == sorted(kept)


def test_folders_without_remains_ask_for_nobody(tmp_path):
    def never():
        raise AssertionError

    delete_leftovers(tmp_path, never)
    delete_leftovers(tmp_path / "missing", never)


def test_where_nobody_claims_the_remains_of_the_dead_are_deleted(tmp_path):
    nobody = writer_id(socket.gethostname(), 2**22 + 1)
    for name in (ME, nobody, writer_id("elsewhere", 2**22 + 1)):
        (tmp_path / f".a.{name}.picker-tmp").mkdir()
        (tmp_path / f".a.{name}.picker-tmp" / "chunk").touch()
    (tmp_path / f".a.{nobody}").touch()
    delete_leftovers_of_ended_jobs(tmp_path)
    assert names(tmp_path) == sorted(
        [f".a.{ME}.picker-tmp", ".a.elsewhere.4194305.picker-tmp", f".a.{nobody}"]
    )
    delete_leftovers_of_ended_jobs(tmp_path / "missing")
