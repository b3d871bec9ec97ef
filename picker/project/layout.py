"""Where everything lies below the results; nobody else spells such a path.

A path is text with `/`, for the workflow's rules ask too: there a name may be a
wildcard, as in `Results().run("{run}").predicted("{shard}")`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

DONE = "done in"
"""Of the last line of a log whose result is whole."""
MASKS, NOISE = "masks", "noise"
THRESHOLDS = "thresholds.json"
"""They lie beside their model."""
REGIONS_TABLE = "regions.tsv"
"""In the folder of regions to label next."""
VARIED = "[a-z_]+(?:-[a-z0-9_]+)?"
"""Pattern of a method or a variant of one, as cells are called."""
CELL = re.compile(rf"benchmark/cells/(\d+)_labeled/seed_(\d+)/{VARIED}")
"""Name of a benchmark's run: labeled tomograms, seed and method or variant."""


@dataclass(frozen=True, slots=True)
class Results:
    """A project's folder of results."""

    folder: str = "results"

    def run(self, name: str) -> Run:
        """Return the run of a name, which is its folder's below the results."""
        return Run(self, name)

    @property
    def record(self) -> str:
        """What the workflow that ran last says of itself."""
        return f"{self.folder}/run.json"

    @property
    def report(self) -> str:
        """The page to look at."""
        return f"{self.folder}/report.html"

    @property
    def pages(self) -> str:
        """Folder of the pages that the report links to."""
        return f"{self.folder}/report"

    @property
    def status_page(self) -> str:
        """The page that shows how far the run is."""
        return f"{self.folder}/status.html"

    @property
    def summary(self) -> str:
        """The last line."""
        return f"{self.folder}/summary.txt"

    def settings(self, section: str) -> str:
        """Return the file of one section of the settings."""
        return f"{self.folder}/settings/{section}.json"

    def rows(self, shard: str) -> str:
        """Return the file of one shard's rows of the table."""
        return self.settings(f"tomograms/{shard}")

    def simulated(self, tomogram: str) -> str:
        """Return the volume of a phantom; its truth lies beside it, as .star."""
        return f"{self.folder}/simulated/{tomogram}.mrc"

    def simulated_truth(self, tomogram: str) -> str:
        """Return the known particles of a phantom."""
        return f"{self.folder}/simulated/{tomogram}.star"

    def simulated_halves(self, tomogram: str) -> tuple[str, str]:
        """Return the volumes of a phantom's halves, even and odd."""
        folder = f"{self.folder}/simulated"
        return f"{folder}/even/{tomogram}.mrc", f"{folder}/odd/{tomogram}.mrc"

    @property
    def volumes(self) -> str:
        """Folder of preprocessed volumes; see `volume_file` and `recipe_file`."""
        return f"{self.folder}/tomograms"

    @property
    def labels(self) -> str:
        """Folder of given picks; see `picks_file`."""
        return f"{self.folder}/labels"

    @property
    def masks(self) -> str:
        """Folder of what says where picks may be; see `volume_file`."""
        return f"{self.folder}/{MASKS}"

    @property
    def noise(self) -> str:
        """Folder of the noise of tomograms that have halves; see `volume_file`."""
        return f"{self.folder}/{NOISE}"

    def preprocessed(self, shard: str) -> str:
        """Return the manifest of one preprocessed shard."""
        return f"{self.folder}/manifests/preprocess/{shard}.json"

    def log(self, *job: str) -> str:
        """Return the log of a job, which is named as what it is of, outermost first."""
        return f"{self.folder}/logs/{'/'.join(job)}.log"

    @property
    def costs(self) -> str:
        """Folder of what Snakemake measures of jobs; see `cost_file`."""
        return f"{self.folder}/benchmarks"

    def cost(self, *job: str) -> str:
        """Return what a job took, which is named as for `log`."""
        return str(cost_file(Path(self.costs), *job))

    @property
    def benchmark(self) -> str:
        """Folder of methods side by side."""
        return f"{self.folder}/benchmark"

    def cell(self, labeled: object, seed: object, method: str) -> Run:
        """Return one training of the benchmark, a run as any other."""
        return self.run(f"benchmark/cells/{labeled}_labeled/seed_{seed}/{method}")

    def seed_settings(self, seed: object, variant: str = "") -> str:
        """Return the settings of training with a seed of the benchmark.

        Of a variant that changes them by its name.
        """
        folder = f"{self.benchmark}/settings"
        folder += f"/{variant}" if variant else ""
        return f"{folder}/seed_{seed}/train.json"

    def variant_settings(self, variant: str, section: str) -> str:
        """Return the file of a section that a variant changes."""
        return f"{self.benchmark}/settings/{variant}/{section}.json"

    def claim_folders(self) -> list[str]:
        """Return the folders that jobs leave their claims in, with `*` for any name."""
        claimed = [self.preprocessed("*")]
        for run in (self.run("*"), self.cell("*", "*", "*")):
            found = [run.predicted("*"), run.halves("*")]
            claimed += [*found, run.picked]
            claimed += map(run.detected, [*found, run.noisy])
            claimed += [run.checkpoint("*"), run.export("*"), run.regions]
        return [path.rpartition("/")[0] for path in claimed]


@dataclass(frozen=True, slots=True)
class Run:
    """What one method makes of the tomograms; a benchmark's cell is such a run too."""

    results: Results = field(repr=False)
    name: str
    """Its folder below the results."""

    @property
    def method(self) -> str:
        """The method that is trained."""
        return self.name.rpartition("/")[2].partition("-")[0]

    @property
    def variant(self) -> str:
        """The variant of its method; empty: the method as the settings have it."""
        last = self.name.rpartition("/")[2]
        return last if "-" in last else ""

    @property
    def cell(self) -> tuple[int, int] | None:
        """Labeled tomograms and seed of a benchmark's cell; of another run None."""
        found = CELL.fullmatch(self.name)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def folder(self) -> str:
        """Where all of it lies."""
        return f"{self.results.folder}/{self.name}"

    def model(self, stage: str) -> str:
        """Return the model that a stage of training made."""
        return f"{self.folder}/models/{stage}.safetensors"

    def table(self, stage: str) -> str:
        """Return how a stage of training went."""
        return f"{self.folder}/models/{stage}.tsv"

    def checkpoint(self, stage: str) -> str:
        """Return what an interrupted stage of training continues from."""
        return f"{self.folder}/checkpoints/{stage}.pt"

    @property
    def thresholds(self) -> str:
        """Each particle's threshold."""
        return f"{self.folder}/models/{THRESHOLDS}"

    @property
    def candidates(self) -> str:
        """Folder of every peak; see `picks_file`."""
        return f"{self.folder}/candidates"

    @property
    def noisy_candidates(self) -> str:
        """Folder of the peaks of noisy copies; see `picks_file`."""
        return f"{self.folder}/noisy"

    @property
    def half_candidates(self) -> str:
        """Folder of the peaks of even and odd halves; see `picks_file`."""
        return f"{self.folder}/halves"

    @property
    def detections(self) -> str:
        """Folder of what slices show, which is linked to `candidates`."""
        return f"{self.folder}/detections"

    @property
    def noisy_detections(self) -> str:
        """The same of noisy copies."""
        return f"{self.noisy_candidates}/detections"

    @property
    def half_detections(self) -> str:
        """The same of even and odd halves."""
        return f"{self.half_candidates}/detections"

    @property
    def picks(self) -> str:
        """Folder of picks; see `picks_file`."""
        return f"{self.folder}/picks"

    def predicted(self, shard: str) -> str:
        """Return the manifest of one predicted shard."""
        return f"{self.folder}/manifests/predict/{shard}.json"

    def halves(self, shard: str) -> str:
        """Return the manifest of the predicted halves of one shard."""
        return f"{self.folder}/manifests/halves/{shard}.json"

    @property
    def noisy(self) -> str:
        """The manifest of predicted noisy copies."""
        return f"{self.folder}/manifests/noisy.json"

    def detected(self, candidates: str) -> str:
        """Return the manifest of the detections that candidates are linked of.

        Parameters
        ----------
        candidates
            Manifest of candidates: `predicted`, `halves` or `noisy`.
        """
        folder = f"{self.folder}/manifests/"
        return f"{folder}detect/{candidates.removeprefix(folder)}"

    @property
    def picked(self) -> str:
        """The manifest of all tomograms' picks."""
        return f"{self.folder}/manifests/pick.json"

    def failed(self, stage: str) -> str:
        """Return the manifest of what a stage behind the picks could not use."""
        return f"{self.folder}/manifests/{stage}.json"

    @property
    def ranking(self) -> str:
        """Tomograms without labels, the most picks first."""
        return f"{self.folder}/label_next.tsv"

    @property
    def estimate(self) -> str:
        """What to expect of picks in tomograms that nobody picked."""
        return f"{self.folder}/estimate.tsv"

    @property
    def reproducibility(self) -> str:
        """Which picks are found again in the other half, and what to expect of that."""
        return f"{self.folder}/reproducibility.tsv"

    @property
    def regions(self) -> str:
        """Folder of regions to label next."""
        return f"{self.folder}/label_next"

    @property
    def regions_table(self) -> str:
        """The regions to label next, the fullest first."""
        return f"{self.regions}/{REGIONS_TABLE}"

    @property
    def metrics(self) -> str:
        """F1, precision and recall."""
        return f"{self.folder}/evaluation/metrics.json"

    @property
    def curves(self) -> str:
        """Precision and recall at each threshold."""
        return f"{self.folder}/evaluation/curves.tsv"

    @property
    def by_tomogram(self) -> str:
        """Right, wrong and missed picks of each tomogram."""
        return f"{self.folder}/evaluation/by_tomogram.tsv"

    def tuned(self, file: str) -> str:
        """Return a file of what tuning found."""
        return f"{self.folder}/tuned/{file}"

    def export(self, target: str) -> str:
        """Return the folder of picks for one other program."""
        return f"{self.folder}/export/{target}"

    @property
    def measured(self) -> str:
        """What the benchmark's tables have of a cell."""
        return f"{self.folder}/cell.json"

    def log(self, *job: str) -> str:
        """Return the log of one of its jobs."""
        return self.results.log(self.name, *job)

    def cost(self, *job: str) -> str:
        """Return what one of its jobs took."""
        return self.results.cost(self.name, *job)


def volume_file(folder: Path, tomogram: str) -> Path:
    """Return a tomogram's volume, mask or noise in a folder of them."""
    return folder / f"{tomogram}.zarr"


def recipe_file(folder: Path, tomogram: str) -> Path:
    """Return what a tomogram's volume is made again by, in place of the volume."""
    return folder / f"{tomogram}.json"


def picks_file(folder: Path, tomogram: str, copy: int | str | None = None) -> Path:
    """Return the picks, known or found, of a tomogram, a noisy copy or a half of it."""
    return folder / f"{tomogram}{'' if copy is None else f'_{copy}'}.star"


def proposals_file(beside: Path) -> Path:
    """Return what a stage's proposals taught, beside its model and its table.

    A stage that learns from labels has no such file.
    """
    return beside.with_name(f"{beside.stem}_proposals.json")


def cost_file(folder: Path, *job: str) -> Path:
    """Return what a job took in the folder of what jobs took."""
    return folder.joinpath(*job[:-1], f"{job[-1]}.tsv")
