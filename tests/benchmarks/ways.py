"""Whole tomograms, file to picks: ours, and others' ways with the same weights.

`monai` is MONAI's sliding_window_inference (96³, overlap 0.25, Gaussian; 90³ is not
possible, since half a step of 67 is no whole output voxel) and scipy's maximum filter;
`components` thresholds its heatmap and labels connected components instead;
`bare` is the model alone on resident data, every voxel once: the limit.
"""

import numpy as np
import torch
from scipy import ndimage

from picker.config import Particle
from picker.core.picks import picks_from_arrays
from picker.encodings.heatmap import nms_kernel
from picker.finding.window_finder import heatmap_finder
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import open_volume, read_volume
from picker.machine.precision import choose_precision

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
