"""What tests on a CPU cannot see: each check says whether it holds on this GPU.

The code uses neither CUDA graphs nor torch.compile, so that there is none for them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from on_gpu.finding_checks import FindingChecks
from on_gpu.patch_checks import same_patches
from on_gpu.section import SkippedError
from on_gpu.training_checks import TrainingChecks

if TYPE_CHECKING:
    from on_gpu.section import Found, Section

ROOT = Path(__file__).parents[3]


def run(section: Section) -> None:
    """Make every check."""
    find, train = FindingChecks(section), TrainingChecks(section)
    patches, cut = partial(same_patches, section), train.cut_on_the_cpu
    for table, name, function, seconds in (
        ("precision", "loss in bfloat16 and in float32", train.losses, 30),
        ("precision", "candidates in bfloat16 and in float32", find.candidates, 15),
        ("precision", "candidates of the GPU and of a CPU", find.cpu, 20),
        ("prediction", "peaks of one heatmap on the GPU and on a CPU", find.peaks, 5),
        ("prediction", "the same heatmap twice", find.twice, 5),
        ("prediction", "windows are halved where memory is short", find.short, 15),
        ("prediction", "two shards at once, and one after the other", find.both, 45),
        ("training", "a batch in two parts", train.parts, 20),
        ("training", "burn-in twice", train.burn_in, 20),
        ("training", "co-training twice", train.co_train, 20),
        ("training", "co-training stopped and resumed", train.resumed, 20),
        ("training", "patches made on the GPU and on the CPU", patches, 15),
        ("training", "losses of patches of the GPU and of the CPU", cut, 30),
        ("training", "two processes share a batch, NCCL", train.nccl, 40),
        ("training", "two processes share a batch, Gloo", train.gloo, 40),
        ("tests", "tests/unit/test_gpu.py", partial(unit_tests, section), 60),
    ):
        section.check(table, name, function, seconds=seconds)


def unit_tests(section: Section) -> Found:
    """Run the unit tests that need a GPU."""
    if not section.on_gpu:
        raise SkippedError("needs a GPU")
    words = [sys.executable, "-m", "pytest", "-q", "tests/unit/test_gpu.py"]
    words += ["-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    # A plugin of the settings may be missing.
    words += ["-W", "ignore::pytest.PytestConfigWarning"]
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=max(section.left(), 5),
        )
    except subprocess.TimeoutExpired as error:
        raise SkippedError("they take longer than was left") from error
    if "No module named pytest" in done.stderr:
        raise SkippedError("pytest is not installed")
    if done.returncode not in (0, 1):
        raise RuntimeError((done.stdout + done.stderr)[-400:])
    counts = re.findall(r"(\d+) (passed|failed|error)", done.stdout)
    failed = re.findall(r"(?m)^FAILED (\S+)", done.stdout)
    return done.returncode == 0, {
        **{word: int(number) for number, word in counts},
        "which failed": ", ".join(failed[:5]),
    }
