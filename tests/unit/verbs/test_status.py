import json
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from picker.__main__ import main
from picker.jobs import status_page

RECORD = {"method": "m", "tomograms": 5, "noisy": True, "shards": {"test-1": 5}}


def test_the_state_is_printed_and_nothing_that_a_terminal_obeys(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(RECORD | {"method": "m\x1b[2J"}))
    assert main(["status", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == r"5 tomograms in 1 shards, method m\x1b[2J"
    assert said[2].split() == ["preprocess", "0", "of", "1", "0", "0"]


def test_a_folder_where_nothing_ran_is_an_error(tmp_path, capsys):
    assert main(["status", "--results", str(tmp_path)]) == 1
    assert "nothing has run there yet" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"method": 3}', "\xff"])
def test_what_a_run_says_of_itself_may_be_damaged(tmp_path, capsys, text):
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    assert main(["status", "--results", str(tmp_path)]) == 1
    assert "is damaged; expected the record of a run" in capsys.readouterr().err


def test_the_page_has_the_same_numbers_and_no_unescaped_text(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(RECORD | {"method": "<b>m"}))
    log = tmp_path / "logs/preprocess/test-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("stopped at </pre><script>\x1b[2J\n")
    assert main(["status", "--results", str(tmp_path), "--page"]) == 0
    page = (tmp_path / "status.html").read_text()
    assert "5 tomograms in 1 shards, method &lt;b&gt;m" in page
    assert "<td>preprocess</td>" in page
    assert "<td>0 of 1</td><td>0</td>" in page
    assert r"stopped at &lt;/pre&gt;&lt;script&gt;\x1b[2J" in page
    assert "<script" not in page
    assert '<meta http-equiv="refresh" content="30">' in page


@pytest.fixture
def process():
    """Return a process that stands for the workflow manager."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as started:
        yield started
        started.kill()


def followed(folder, process, monkeypatch):
    """Follow a run of a process in a thread; return it once there is a page."""
    monkeypatch.setattr(status_page, "LOOKS", 0.01)
    started = psutil.Process(process.pid).create_time()
    owner = {"host": socket.gethostname(), "pid": process.pid, "started": started}
    (folder / "run.json").write_text(json.dumps(RECORD | owner))
    thread = threading.Thread(target=status_page.follow_status, args=(folder,))
    thread.start()
    limit = time.monotonic() + 30
    while not (folder / "status.html").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    return thread


def test_the_page_is_written_until_the_run_has_ended(tmp_path, process, monkeypatch):
    thread = followed(tmp_path, process, monkeypatch)
    assert 'http-equiv="refresh"' in (tmp_path / "status.html").read_text()
    process.kill()
    process.wait()
    thread.join(30)
    assert not thread.is_alive()
    page = (tmp_path / "status.html").read_text()
    assert "the run has ended" in page
    assert "refresh" not in page


def test_the_page_of_the_next_run_is_left_to_it(tmp_path, process, monkeypatch):
    monkeypatch.setattr(status_page, "EVERY", 0.01)
    thread = followed(tmp_path, process, monkeypatch)
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    thread.join(30)
    assert not thread.is_alive()


def test_a_host_with_a_new_name_still_sees_its_run_end(tmp_path, process, monkeypatch):
    thread = followed(tmp_path, process, monkeypatch)
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    process.kill()
    process.wait()
    thread.join(30)
    assert not thread.is_alive()
    assert "the run has ended" in (tmp_path / "status.html").read_text()


@pytest.mark.parametrize("error", [OSError("stale file handle"), ValueError("cut")])
def test_a_disk_that_fails_for_a_moment_ends_no_page(
    tmp_path, process, monkeypatch, error
):
    monkeypatch.setattr(status_page, "EVERY", 0.01)
    thread = followed(tmp_path, process, monkeypatch)
    write, failures = status_page.write_text, [error] * 3

    def fails(path, text):
        if failures:
            raise failures.pop()
        write(path, text)

    monkeypatch.setattr(status_page, "write_text", fails)
    limit = time.monotonic() + 30
    while failures and time.monotonic() < limit:
        time.sleep(0.01)
    assert thread.is_alive()
    failures += [error] * 3
    process.kill()
    process.wait()
    thread.join(30)
    assert "the run has ended" in (tmp_path / "status.html").read_text()


def test_following_ends_where_no_page_can_be_written(tmp_path, process, monkeypatch):
    monkeypatch.setattr(status_page, "EVERY", 0.01)
    thread = followed(tmp_path, process, monkeypatch)
    (tmp_path / "run.json").unlink()
    process.kill()
    process.wait()
    thread.join(30)
    assert not thread.is_alive()


def test_following_is_of_a_page(tmp_path, capsys):
    assert main(["status", "--results", str(tmp_path), "--follow"]) == 1
    assert "add --page" in capsys.readouterr().err


def test_a_page_is_no_json(tmp_path, capsys):
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    assert main(["status", "--results", str(tmp_path), "--page", "--json"]) == 1
    assert "expected one of them" in capsys.readouterr().err
    assert not (tmp_path / "status.html").exists()
