"""UPicker on simulated micrographs: blobs before labels, and denoising queries.

One hundred micrographs, a few of them labeled; as many epochs on the blobs of all as on
labels, an epoch being as many patches as there are micrographs. Networks of two sizes:
the default, and a wider and deeper one, nearer to the published size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upicker import PARTICLE, VOXEL_SIZE, quality, settings_of, stages

from picker.config import SimulateSettings
from picker.config.detr import DenoisingSettings, DetrSettings
from picker.volumes.phantoms.micrographs import simulate_micrograph

if TYPE_CHECKING:
    from on_gpu.section import Section

BATCH = 4
TABLE = "F1@0.5, best thresholds on test"
NAMES = ("F1", "precision", "recall")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How large the experiment is."""

    edge: int = 512
    """Of a micrograph [pixels]."""
    particles: float = 80.0
    numbers: tuple[int, int, int] = (5, 95, 20)
    """Micrographs with labels, without, and to test on."""
    epochs: int = 50
    patch: int = 256
    queries: int = 60
    denoising: int = 100
    networks: tuple[str, ...] = ("default", "wide")
    seconds: float = 60.0
    """That a training may need; less left, and it is skipped."""


TOY = Size(
    edge=64,
    particles=3,
    numbers=(1, 1, 1),
    epochs=1,
    patch=64,
    queries=4,
    denoising=2,
    networks=("default",),
)
WIDE = {
    "widths": (32, 64, 128),
    "blocks": 2,
    "width": 128,
    "feedforward": 512,
    "heads": 8,
    "encoder_layers": 3,
    "decoder_layers": 6,
}


def run(section: Section) -> None:
    """Make micrographs, train in three ways, and score."""
    size = TOY if section.toy else Size()
    labeled, unlabeled, test = micrographs(size)
    steps = max(1, size.epochs * sum(size.numbers[:2]) // BATCH)

    def blobs():
        return dict(zip(NAMES, quality({}, None, test), strict=True))

    section.measure(TABLE, "blobs alone", blobs)
    for network in size.networks:
        for way, on_blobs, on_labels, number in (
            ("blobs, then labels", steps, steps, size.denoising),
            ("labels", 0, 2 * steps, size.denoising),
            ("labels, no denoising", 0, 2 * steps, 0),
        ):
            settings = settings_of(
                0,
                (on_blobs, on_labels),
                network=DetrSettings(
                    edge=size.patch,
                    channels=1,
                    queries=size.queries,
                    **(WIDE if network == "wide" else {}),
                ),
                denoising=DenoisingSettings(number=number),
                batch_size=BATCH,
            )

            def measured(settings=settings):
                done = list(stages(settings, labeled, unlabeled))
                found = quality(settings, done[-1][1], test)
                values = {f"{name} [s]": seconds for name, _, (_, seconds) in done}
                return values | dict(zip(NAMES, found, strict=True))

            section.measure(TABLE, f"{network}, {way}", measured, seconds=size.seconds)


def micrographs(size: Size) -> tuple[list, list, list]:
    """Return micrographs with labels, without, and to test on, with their truth."""
    settings = SimulateSettings(
        shape_zyx=(1, size.edge, size.edge),
        voxel_size=VOXEL_SIZE,
        particles_per_class=size.particles,
        snr=(0.05, 0.2),
        seed=17,
    )
    made = [
        simulate_micrograph(f"m{i}", i, (PARTICLE,), settings)
        for i in range(sum(size.numbers))
    ]
    first, last = size.numbers[0], sum(size.numbers[:2])
    return made[:first], made[first:last], made[last:]
