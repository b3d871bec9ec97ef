import fcntl
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from picker.project import claims as claim
from picker.project.claims import claim_path, claimed, owner_of


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(claim, "HEARTBEAT", 0.05)
    monkeypatch.setattr(claim, "LOOK", 0.02)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("SLURM_RESTART_COUNT", raising=False)


def write(result, *, age=0.0, **owner):
    path = claim_path(result)
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "job": ""} | owner))
    os.utime(path, (time.time() - age,) * 2)


def test_a_claim_names_its_owner_and_goes_away(tmp_path):
    result = tmp_path / "new" / "manifest.json"
    with claimed(result):
        assert owner_of(result).pid == os.getpid()
    assert owner_of(result) is None
    assert list(result.parent.iterdir()) == []


def test_a_claim_goes_away_with_an_error(tmp_path):
    with pytest.raises(KeyError), claimed(tmp_path / "m"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_the_owner_on_another_node_is_believed_while_it_touches_its_claim(tmp_path):
    write(tmp_path / "m", age=claim.STALE - 10)
    assert owner_of(tmp_path / "m").host == "elsewhere"
    write(tmp_path / "m", age=claim.STALE + 10)
    assert owner_of(tmp_path / "m") is None


def test_a_dead_process_of_this_host_owns_nothing(tmp_path):
    child = multiprocessing.get_context("spawn").Process(target=int)
    child.start()
    child.join()
    write(tmp_path / "m", host=socket.gethostname(), pid=child.pid)
    assert owner_of(tmp_path / "m") is None
    with claimed(tmp_path / "m"):
        assert owner_of(tmp_path / "m").pid == os.getpid()


def test_a_number_that_no_process_has_is_dead(tmp_path):
    write(tmp_path / "m", host=socket.gethostname(), pid=2**70)
    assert owner_of(tmp_path / "m") is None


def test_a_process_that_is_hidden_from_us_is_alive(monkeypatch):
    """/proc mounted with hidepid, as some clusters have it, shows only our own."""

    def hidden(pid):
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", hidden)
    assert claim.is_alive(os.getpid())
    assert claim.is_alive(os.getpid(), began=12.0)


def test_a_process_that_ended_and_keeps_its_number_is_dead():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        zombie = psutil.Process(ended.pid)
        assert zombie.status() == psutil.STATUS_ZOMBIE
        assert not claim.is_alive(ended.pid)
        assert not claim.is_alive(ended.pid, zombie.create_time())


def test_a_process_is_alive_until_its_last_thread_has_ended():
    ends_but_for_a_thread = (
        "import ctypes, platform, sys, threading\n"
        "threading.Thread(target=sys.stdin.read).start()\n"
        # The system's exit of the calling thread alone.
        "ctypes.CDLL(None).syscall({'aarch64': 93}.get(platform.machine(), 60), 0)"
    )
    command = [sys.executable, "-c", ends_but_for_a_thread]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert claim.is_alive(process.pid)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not claim.is_alive(process.pid)


def test_a_requeued_job_takes_over_from_itself_at_once(tmp_path, monkeypatch):
    write(tmp_path / "m", job="77")
    assert owner_of(tmp_path / "m") is not None
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    # Processes of one allocation share the number: they are strangers.
    assert owner_of(tmp_path / "m") is not None
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert owner_of(tmp_path / "m") is None


def forged(pid):
    return json.dumps({"host": socket.gethostname(), "pid": pid}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b'{"who": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        *(forged(pid) for pid in (True, 1.0, "1", None, 0, -1, [1])),
        json.dumps({"host": ["a"], "pid": 1}).encode(),
    ],
)
def test_a_damaged_or_forged_claim_is_nobodys(tmp_path, content):
    claim_path(tmp_path / "m").write_bytes(content)
    assert owner_of(tmp_path / "m") is None
    with claimed(tmp_path / "m"):
        assert owner_of(tmp_path / "m").pid == os.getpid()


@pytest.mark.parametrize("kind", ["folder", "link", "fifo"])
def test_what_is_no_file_is_no_claim_and_has_to_go(tmp_path, kind):
    path = claim_path(tmp_path / "m")
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)
    assert owner_of(tmp_path / "m") is None
    with (
        pytest.raises(ValueError, match=r"\.m\.claim is no file.*Delete it"),
        claimed(tmp_path / "m"),
    ):
        pass


def test_a_claim_stamped_in_the_future_dies_when_nobody_touches_it(
    tmp_path, monkeypatch
):
    """As it is after a clock was set back; its owner may be alive none the less."""
    write(tmp_path / "m", age=-86_400)
    monkeypatch.setattr(claim, "STALE", 0.3)
    assert owner_of(tmp_path / "m").host == "elsewhere"
    time.sleep(0.4)
    write(tmp_path / "m", age=-86_401)  # touched
    assert owner_of(tmp_path / "m").host == "elsewhere"
    began = time.monotonic()
    with claimed(tmp_path / "m"):
        assert 0.2 < time.monotonic() - began < 30
        assert owner_of(tmp_path / "m").pid == os.getpid()


def test_a_process_has_a_number_above_0():
    """To the system others are groups of processes."""
    assert not claim.is_alive(0)
    assert not claim.is_alive(-1)


def test_the_second_waits_for_the_first(tmp_path, caplog):
    caplog.set_level("INFO")
    inside = []

    def work():
        with claimed(tmp_path / "m"):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.1)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        f"process {os.getpid()} on {socket.gethostname()} already works on"
        in caplog.text
    )


def test_a_claim_is_kept_fresh(tmp_path):
    with claimed(tmp_path / "m"):
        path = claim_path(tmp_path / "m")
        os.utime(path, (1, 1))
        deadline = time.monotonic() + 5
        while path.stat().st_mtime == 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.stat().st_mtime > 1


def dawdle(module, name, rng):
    """Make a call slow, so that others come between it and the one before."""
    call = getattr(module, name)

    def slow(*arguments, **more):
        time.sleep(rng.random() * 0.01)
        return call(*arguments, **more)

    setattr(module, name, slow)


def contend(result, number, times):
    """Get the claim again and again; at last die with it, or in getting it."""
    rng = random.Random(number)
    claim.LOOK = 0.003
    for name in ("link", "unlink", "rename", "replace"):
        dawdle(os, name, rng)
    for turn in range(times):
        if turn == times - 1 and number % 3 == 0:
            dies_after(os, "link", rng.randrange(1, 4))
        with claimed(result), (result.parent / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                (result.parent / f"{number} was not alone").touch()
            time.sleep(rng.random() * 0.01)
            if turn == times - 1 and number % 3 == 1:
                os._exit(0)


def dies_after(module, name, calls):
    call = getattr(module, name)
    left = iter(range(calls))

    def deadly(*arguments, **more):
        call(*arguments, **more)
        if next(left, None) is None:
            os._exit(0)

    setattr(module, name, deadly)


def test_a_claim_that_changed_hands_while_we_looked_is_not_taken_over(
    tmp_path, monkeypatch
):
    write(tmp_path / "m", host=socket.gethostname(), pid=12345)
    looks = []

    def another_comes_at_the_last_look(pid):
        looks.append(pid)
        if len(looks) == 2:
            write(tmp_path / "m")
        return False

    monkeypatch.setattr(claim, "is_alive", another_comes_at_the_last_look)
    inside = threading.Event()

    def work():
        with claimed(tmp_path / "m"):
            inside.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not inside.wait(0.5)
    assert owner_of(tmp_path / "m").host == "elsewhere"
    claim_path(tmp_path / "m").unlink()
    thread.join()
    assert inside.is_set()


def test_the_claims_of_the_dead_are_taken_over_by_one_at_a_time(tmp_path):
    """Under many who get them, hold them and die with them."""
    context = multiprocessing.get_context("forkserver")
    crowd = [
        context.Process(target=contend, args=(tmp_path / "m", number, 4))
        for number in range(12)
    ]
    for process in crowd:
        process.start()
    deadline = time.monotonic() + 200
    while multiprocessing.active_children():  # which also buries the dead
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert {process.exitcode for process in crowd} == {0}
    assert list(tmp_path.glob("*was not alone")) == []
    with claimed(tmp_path / "m"):  # whatever the last one left behind
        assert owner_of(tmp_path / "m").pid == os.getpid()
    assert not claim_path(tmp_path / "m").exists()
