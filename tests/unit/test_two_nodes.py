"""Two launchers, as on two nodes, train as one process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from picker.core.picks import picks_from_arrays
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.project.manifests import write_manifest
from tests.unit.machine.test_processes import free_port
from tests.unit.predicted import preprocessed
from tests.unit.training.test_loop import blobs
from tests.workflow.project import ROOT

SETTINGS = {
    "particles": [{"name": "ball", "radius": 40}],
    "model": {"preset": "small", "widths": [8, 8], "blocks": [1, 1]},
    "preprocess": {},
    "train": {
        "patch_zyx": [16, 24, 24],
        "num_workers": 0,
        "precision": "float32",
        "device": "cpu",
    },
    "burn_in": {"steps": 12, "warmup_steps": 3},
}


@pytest.fixture
def arguments(tmp_path):
    """A function that gives the verb's arguments for a folder to write to."""
    source = blobs(0)
    volume, labels = tmp_path / "TS.zarr", tmp_path / "TS.star"
    write_volume(volume, source.volume, 10.0, {"fingerprint": "f"})
    write_picks(labels, picks_from_arrays(10 * source.index_zyx, ["ball"] * 4))
    shape = np.shape(source.volume)
    entry = preprocessed("TS", "labeled", volume=volume, shape_zyx=shape, labels=labels)
    write_manifest(tmp_path / "manifest.json", [entry])
    settings = [tmp_path / f"{section}.json" for section in SETTINGS]
    for path in settings:
        path.write_text(json.dumps(SETTINGS[path.stem]))

    def given(folder):
        return [
            *("-m", "picker", "train", "--stage", "burn_in"),
            *("--manifests", tmp_path / "manifest.json"),
            *("--settings", *settings, "--checkpoint", folder / "burn_in.pt"),
            *("--log-table", folder / "log.tsv", "--output", folder / "model"),
        ]

    return given


@pytest.mark.timeout(900)
def test_two_launchers_give_one_processes_weights(tmp_path, arguments):
    alone, both = tmp_path / "alone", tmp_path / "both"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    place = f"127.0.0.1:{free_port()}"
    nodes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"),
                *("--node-rank", str(rank), "--nproc-per-node", "1"),
                *("--rdzv-backend", "c10d", "--rdzv-endpoint", place),
                *("--rdzv-id", "7", "--local-addr", "127.0.0.1"),
                *arguments(both),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [node.communicate()[0] for node in nodes]
    finally:
        for node in nodes:
            node.kill()
            node.wait()
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(said)
    assert sum("burn_in 12/12" in text for text in said) == 1  # the first one tells
    subprocess.run(
        [sys.executable, *arguments(alone)], cwd=ROOT, env=environment, check=True
    )
    one, two = (load_file(folder / "model") for folder in (alone, both))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-3)
    assert not list(both.glob(".*"))
