import subprocess
import sys

import pytest

# Pages that the system had to map for 100 MB used a second time.
PAGES = """
import resource, sys
import numpy as np
from picker.memory import keep_freed_memory

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


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_freed_memory_is_used_again_without_asking_the_system():
    def pages(how):
        run = [sys.executable, "-c", PAGES, how]
        return int(subprocess.run(run, capture_output=True, check=True).stdout)

    assert pages("keep") < pages("give back") / 2
