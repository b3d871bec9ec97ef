"""What the workflow does, in functions: phantom, training, calibration, evaluation."""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.config import (
    CalibrateSettings,
    EvaluateSettings,
    ModelSettings,
    Particle,
    PickSettings,
    PreprocessSettings,
)
from picker.config.methods import METHODS
from picker.formats.picks.star import read_picks
from picker.jobs.loaded import read_loaded
from picker.jobs.predict_shard import predict_shard
from picker.jobs.preprocess import preprocess_shard
from picker.jobs.simulate import simulate
from picker.jobs.train import train_stage
from picker.project.manifests import read_preprocessed
from picker.refining.select import select_picks
from picker.scoring.calibrate import calibrate
from picker.scoring.evaluate import metrics

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import SimulateSettings

PARTICLES = (
    Particle(name="two-lobes", radius=130),
    Particle(name="hollow-sphere", radius=65),
    Particle(name="barrel", radius=60),
    Particle(name="rod", radius=90),
    Particle(name="beads", radius=75),
    Particle(name="capsid", radius=150),
)
"""Their places choose their shapes, see `picker.volumes.phantoms.bodies.body`."""
# A phantom fills its box; its file is deleted once it is preprocessed.
PREPROCESS = PreprocessSettings(find_slab=False, keep="all")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One method and network."""

    folder: Path
    """With the phantoms' manifests."""
    method: str
    network: str
    widths: tuple[int, ...]
    patch: tuple[int, int, int]
    workers: int

    def manifests(self, *splits: str) -> list[Path]:
        """Return the manifests of these splits' phantoms."""
        found = [self.folder.glob(f"{split}_*.json") for split in splits]
        return sorted(path for paths in found for path in paths)


def make_phantom(
    folder: Path, settings: SimulateSettings, index: int, split: str
) -> int:
    """Write one phantom, preprocessed; return its number of particles."""
    name = f"{split}_{index:02d}"
    path, truth = folder / "raw" / f"{name}.mrc", folder / "truth" / f"{name}.star"
    simulate(name, index, PARTICLES, settings, output=path, truth=truth)
    table = folder / "raw" / f"{name}.tsv"
    row = "\t".join(map(str, (name, path, split, truth)))
    table.write_text(f"tomogram\tpath\tsplit\tpicks\n{row}\n")
    preprocess_shard(
        table,
        PARTICLES,
        PREPROCESS,
        volumes=folder / "volumes",
        labels=folder / "labels",
        masks=folder / "masks",
        noise=folder / "noise",
        manifest=folder / f"{name}.json",
    )
    path.unlink()
    return len(read_picks(truth))


def pilot(cell: Cell, steps: int) -> dict[str, float]:
    """Return the seconds a step of each stage, in a short training."""
    place = cell.folder / "pilots" / f"{cell.network}_{cell.method}"
    stages = METHODS[cell.method].stages
    train(cell, place, steps * len(stages))
    pace = {}
    for stage in stages:
        with (place / f"{stage.name}.tsv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        pace[stage.name] = 1 / float(rows[-1]["steps_per_second"])
    return pace


def trained(cell: Cell, steps: int) -> dict[str, dict[str, dict]]:
    """Return stage: way: F1 of a training in so many steps."""
    place = cell.folder / "trained" / f"{cell.network}_{cell.method}"
    begin = time.monotonic()
    models = train(cell, place, steps)
    seconds = time.monotonic() - begin
    found = {"last": scores(cell, models[-1])}
    for way in found["last"].values():
        way |= {"steps": steps, "training [s]": seconds}
    for model in models[:-1]:
        found[model.stem] = scores(cell, model)
        for way in found[model.stem].values():
            way |= {"steps": steps // 2}
    return found


def train(cell: Cell, place: Path, steps: int) -> list[Path]:
    """Train a method's stages in so many steps together; return their models."""
    sections = {
        "particles": [p.model_dump(mode="json") for p in PARTICLES],
        "model": ModelSettings(
            preset="small", widths=cell.widths, blocks=[2] * len(cell.widths)
        ).model_dump(mode="json"),
        "preprocess": PREPROCESS.model_dump(mode="json"),
        "train": {
            "patch_zyx": cell.patch,
            "num_workers": cell.workers,
            "checkpoint_every": 10**6,
        },
        "burn_in": {"steps": steps // 2},
        "co_train": {"steps": steps - steps // 2},
    }
    place.mkdir(parents=True)
    settings = [place / f"{name}.json" for name in sections]
    for path in settings:
        path.write_text(json.dumps(sections[path.stem]))
    models: list[Path] = []
    for stage in METHODS[cell.method].stages:
        model = place / f"{stage.name}.safetensors"
        train_stage(
            cell.method,
            stage.name,
            cell.manifests(*{*stage.labeled, *stage.unlabeled}),
            settings,
            before=models[-1] if models else None,
            output=model,
            log=place / f"{stage.name}.tsv",
            checkpoint=place / f"{stage.name}.pt",
        )
        models.append(model)
    return models


def scores(cell: Cell, model: Path) -> dict[str, dict[str, float | None]]:
    """Return way: F1 of each class on the test phantoms, and their mean."""
    loaded = read_loaded([model], None, [])
    labeled = read_preprocessed(cell.manifests("labeled"))
    test = read_preprocessed(cell.manifests("test"))
    place = model.with_suffix("")
    copies = CalibrateSettings()
    known = [
        *predict_shard(labeled, place / "labeled", loaded).tomograms,
        *predict_shard(labeled, place / "noisy", loaded, copies).tomograms,
    ]
    tested = predict_shard(test, place / "test", loaded).tomograms
    found = {e.tomogram: read_picks(e.candidates) for e in tested}
    truth = {e.tomogram: read_picks(e.labels) for e in test}

    def f1(candidates: dict, labels: dict) -> dict[str, float | None]:
        """Return F1 on test at the thresholds that are best on these tomograms."""
        best = calibrate(candidates, labels, PARTICLES, CalibrateSettings())
        cut = {name: value.threshold for name, value in best.items()}
        picks = {
            entry.tomogram: select_picks(
                found[entry.tomogram],
                PARTICLES,
                cut,
                PickSettings(),
                entry.voxel_size,
                entry.shape_zyx,
            )
            for entry in test
        }
        return dict(metrics(picks, truth, PARTICLES, EvaluateSettings(), cut)["f1@0.5"])

    # By file: the noisy copies of a tomogram share its name and its labels.
    return {
        "calibrated": f1(
            {str(e.candidates): read_picks(e.candidates) for e in known},
            {str(e.candidates): read_picks(e.preprocessed.labels) for e in known},
        ),
        "best thresholds on test": f1(found, truth),
    }
