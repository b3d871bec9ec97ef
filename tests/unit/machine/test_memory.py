import os
import subprocess
import sys

import numpy as np
import pytest

from picker.__main__ import main
from picker.machine.memory import give_back_mapped_file

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only glibc can be told"
)

# Pages that the system had to map for 100 MB used a second time.
PAGES = """
import resource, sys
import numpy as np
from picker.machine.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = np.empty(100_000_000, np.uint8)
    block[::4096] = 1
    del block
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages)
"""

# Resident pages while 100 MB in use lie behind 100 MB freed, before and after.
RESIDENT = """
from pathlib import Path
import numpy as np
from picker.machine.memory import give_back_freed_memory, keep_freed_memory

keep_freed_memory()
first, second = (np.ones(100_000_000, np.uint8) for _ in range(2))
del first
print(Path("/proc/self/statm").read_text().split()[1])
give_back_freed_memory()
print(Path("/proc/self/statm").read_text().split()[1])
"""

# Resident pages after 100 MB of a file were read, and after they were given back.
MAPPED = """
import sys
from pathlib import Path
import numpy as np
from picker.machine.memory import give_back_mapped_file

file = np.asarray(np.memmap(sys.argv[1], np.uint8, mode="r"))
total = int(file.sum())
print(Path("/proc/self/statm").read_text().split()[1])
give_back_mapped_file(file)
print(Path("/proc/self/statm").read_text().split()[1])
assert int(file.sum()) == total == 100_000_000
"""

# What a program that starts itself again was told.
TOLD = """
import os, sys
from picker.machine.memory import keep_freed_memory

keep_freed_memory()
print(os.environ["GLIBC_TUNABLES"], *sys.argv[1:], sep="|")
"""


def printed(script, *words, **variables):
    run = [sys.executable, "-c", script, *words]
    env = {**os.environ, **variables}
    done = subprocess.run(run, capture_output=True, check=True, env=env, text=True)
    return done.stdout.split("\n")[:-1]


def test_freed_memory_is_used_again_without_asking_the_system():
    kept, given_back = (printed(PAGES, how)[0] for how in ("keep", "give back"))
    assert int(kept) < int(given_back) / 2


def test_kept_memory_is_given_back_when_asked_for():
    kept, left = (int(pages) * os.sysconf("SC_PAGESIZE") for pages in printed(RESIDENT))
    assert kept - left > 90_000_000


def test_a_mapped_file_is_given_back_and_still_there(tmp_path):
    np.ones(100_000_000, np.uint8).tofile(tmp_path / "file")
    resident, left = map(int, printed(MAPPED, str(tmp_path / "file")))
    assert (resident - left) * os.sysconf("SC_PAGESIZE") > 90_000_000


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_written_into_a_mapped_file_is_kept(mode, tmp_path):
    np.ones(10_000, np.uint8).tofile(tmp_path / "file")
    array = np.memmap(tmp_path / "file", np.uint8, mode=mode)
    array[:] = 2
    give_back_mapped_file(array)
    assert (array == 2).all()


def test_a_program_starts_anew_once_with_its_words():
    words = ("a b", "--c=$d", "")
    (told,) = printed(TOLD, *words)
    assert told.split("|")[1:] == list(words)


def test_what_the_user_told_malloc_counts():
    """The last word does, for glibc."""
    (told,) = printed(TOLD, GLIBC_TUNABLES="glibc.malloc.mmap_max=7")
    assert told.split("|")[0].endswith(":glibc.malloc.mmap_max=7")


class Started(Exception):  # noqa: N818
    """The program was started again."""


@pytest.mark.parametrize("verb", ["train", "predict", "measure"])
def test_verbs_with_large_tensors_start_anew(verb, monkeypatch):
    def execv(program, words):
        assert program == words[0] == sys.executable
        assert words[-2:] == [verb, "--help"]
        assert "mmap_max=0" in os.environ["GLIBC_TUNABLES"]
        raise Started

    words = [sys.executable, "-m", "picker", verb, "--help"]
    monkeypatch.setattr("os.execv", execv)
    monkeypatch.setattr("sys.orig_argv", words)
    monkeypatch.setattr("sys.argv", ["picker", *words[3:]])
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    with pytest.raises(Started):
        main()
