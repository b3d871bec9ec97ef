"""Whole tomograms, file to picks, against the ways that others do it.

python tests/benchmarks/predict.py --shape 184 630 630 --preset small --rounds 3

All in one process, in turns, with the same weights; prints seconds, and ratios to ours.
`monai` is MONAI's sliding_window_inference (96³, overlap 0.25, Gaussian; 90³ is not
possible, since half a step of 67 is no whole output voxel) and scipy's maximum filter;
`components` thresholds its heatmap and labels connected components instead;
`bare` is the model alone on resident data, every voxel once: the limit.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from picker.config import ModelSettings, Particle, PredictSettings
from picker.core.picks import picks_from_arrays
from picker.encodings.heatmap import nms_kernel
from picker.finding.window_finder import heatmap_finder
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import open_volume, read_volume, write_volume
from picker.machine.device import choose_device
from picker.machine.memory import keep_freed_memory
from picker.machine.precision import choose_precision
from picker.networks import build_model

VOXEL = 10.0
PARTICLES = tuple(
    Particle(name=f"p{i}", radius=radius)
    for i, radius in enumerate((60, 65, 90, 150, 130, 135))
)


@torch.no_grad()
def trained_looking(model, shape, rng):
    """Make an untrained model answer noise of a shape with peaks above 0.05.

    Statistics of a much smaller patch would not do: in deep layers, where it is a few
    voxels wide, padding is most of what they see.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            random = torch.rand(module.weight.shape, generator=rng)
            module.weight.copy_(0.5 + random)
            module.momentum = None  # the mean of what comes
    noise = torch.randn(1, 1, *shape, generator=rng).to(model.head.weight)
    prior = model.head.bias.clone()  # stands for 0.02
    model.train()(noise)
    logits = model.eval()(noise).float().transpose(0, 1).flatten(1) - prior[:, None]
    scale = 0.2 / logits.std(1)  # so that 0.05 is some of these widths away
    model.head.weight *= scale[:, None, None, None, None]
    model.head.bias -= logits.mean(1) * scale
    return model


class Ways:
    """One method a way to do it; each returns the number of picks."""

    def __init__(self, folder, model, settings, device):
        # Imported here: the rest of this file does without MONAI.
        from monai.inferers import sliding_window_inference

        self.sliding_window_inference = sliding_window_inference
        self.folder, self.model, self.settings = folder, model, settings
        self.device = device
        self.volume = open_volume(folder / "volume.zarr")[0]
        self.finder = heatmap_finder(model, PARTICLES, settings, device)
        self.kernels = [
            nms_kernel(p.radius / VOXEL, settings.nms_per_radius, 2) for p in PARTICLES
        ]

    def _autocast(self, precision):
        return torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=choose_precision(precision, self.device).is_half,
        )

    def _write(self, index, number, score):
        names = np.array([p.name for p in PARTICLES])[number]
        picks = picks_from_arrays(index * 2 * VOXEL, names.tolist(), score)
        write_picks(self.folder / "theirs.star", picks, {})
        return len(picks)

    def ours(self):
        volume = read_volume(self.folder / "volume.zarr")[0]
        picks = self.finder.candidates(volume, VOXEL)
        write_picks(self.folder / "ours.star", picks, {})
        return len(picks)

    @torch.inference_mode()
    def sliding(self, precision="auto"):
        """Return the heatmap of MONAI's window."""
        volume = torch.from_numpy(np.asarray(self.volume[:], np.float32))[None, None]

        def heatmap(patch):
            return self.model(patch).sigmoid().float()

        with self._autocast(precision):
            found = self.sliding_window_inference(
                volume.to(self.device), (96,) * 3, 4, heatmap, 0.25, mode="gaussian"
            )
        return found[0].cpu().numpy()

    def monai(self, precision="auto"):
        found = self.sliding(precision)
        parts = []
        for number, (values, kernel) in enumerate(
            zip(found, self.kernels, strict=True)
        ):
            highest = ndimage.maximum_filter(values, kernel)
            index = np.argwhere((values == highest) & (values >= 0.05))
            parts.append((index, np.full(len(index), number), values[tuple(index.T)]))
        return self._write(*(np.concatenate(p) for p in zip(*parts, strict=True)))

    def monai_float32(self):
        return self.monai("float32")

    def components(self):
        found = self.sliding("auto")
        parts = []
        for number, values in enumerate(found):
            labels, count = ndimage.label(values >= 0.3)
            which = np.arange(1, count + 1)
            centre = np.array(ndimage.center_of_mass(labels > 0, labels, which))
            index = centre.reshape(-1, 3)
            parts.append((index, np.full(count, number), np.ones(count)))
        return self._write(*(np.concatenate(p) for p in zip(*parts, strict=True)))

    @torch.inference_mode()
    def bare(self):
        """The model on as many voxels as there are, already where it runs."""
        z, y, x = self.volume.shape
        quarter = torch.zeros(1, 1, z, y // 2 + y % 2, x // 2 + x % 2)
        quarter = quarter.to(self.device)
        with self._autocast(self.settings.precision):
            for _ in range(4):
                self.model(quarter)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", nargs=3, type=int, default=(184, 630, 630))
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", default=["monai", "bare", "components"])
    arguments = parser.parse_args()
    device = choose_device("auto")
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset=arguments.preset), len(PARTICLES))
    z, y, x = arguments.shape
    model = trained_looking(model.to(device), (z, y // 2, x // 2), rng)
    settings = PredictSettings(flips=False)
    with tempfile.TemporaryDirectory() as name:
        data = np.random.default_rng(0).standard_normal(arguments.shape, np.float32)
        write_volume(Path(name) / "volume.zarr", data.astype(np.float16), VOXEL, {})
        ways = Ways(Path(name), model, settings, device)
        names = ["ours", *arguments.ways]
        taken = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for name in names:
                begin = time.perf_counter()
                count = getattr(ways, name)()
                taken[name].append(time.perf_counter() - begin)
                print(f"{name:14}{taken[name][-1]:8.2f} s  {count} picks", flush=True)
    print(f"\n{device}, {torch.get_num_threads()} threads, {arguments.preset}")
    print(f"{'':14} median s   / ours (each round)")
    for name, times in taken.items():
        ratios = [a / b for a, b in zip(times, taken["ours"], strict=True)]
        shown = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name:14}{statistics.median(times):9.2f}   {shown}")


if __name__ == "__main__":
    keep_freed_memory()  # as the verbs do
    main()
