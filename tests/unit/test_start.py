"""What a verb loads before it begins: no library that it does not need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from picker.__main__ import LARGE, VERBS

ROOT = Path(__file__).parents[2]
LOADED = """
import json, sys
from picker.__main__ import main

try:
    main([sys.argv[1], "--help"])
finally:
    print("\\n" + json.dumps(sorted(sys.modules)))
"""
NEITHER_ARRAYS_NOR_TENSORS = ("init", "status", "choose", "finish")
NO_VOLUMES = ("export", "tables")


def loaded(verb):
    run = [sys.executable, "-c", LOADED, verb]
    done = subprocess.run(run, capture_output=True, check=True, cwd=ROOT, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("verb", sorted(set(VERBS) - set(LARGE)))
def test_verbs_without_a_network_load_no_tensors(verb):
    heavy = {"torch", "monai"}
    if verb in (*NEITHER_ARRAYS_NOR_TENSORS, *NO_VOLUMES):
        heavy |= {"scipy", "zarr", "h5py"}
    if verb in NEITHER_ARRAYS_NOR_TENSORS:
        heavy.add("numpy")
    modules = loaded(verb)
    assert f"picker.verbs.{verb.replace('-', '_')}" in modules
    assert not heavy & modules


def test_what_starts_again_has_loaded_nothing_by_then():
    code = (
        "import sys, os\n"
        "from picker import __main__\n"
        "def execv(*words):\n"
        "    heavy = {'numpy', 'pydantic', 'torch'}\n"
        "    os._exit(bool(heavy & set(sys.modules)))\n"
        "os.execv = execv\n"
        "os.environ.pop('GLIBC_TUNABLES', None)\n"
        "sys.argv = ['picker', 'train', '--help']\n"
        "__main__.main()\n"
        "os._exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert done.returncode == 0
