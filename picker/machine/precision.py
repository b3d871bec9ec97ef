"""The precision to compute in: the faster one in which the device computes safely.

PyTorch does not say which is faster. oneDNN, which computes its convolutions, takes
bfloat16 on every processor with AVX-512, but is faster in it only with AMX. Time in
bfloat16 over time in float32, for a training step and a prediction of the small network
on an Intel Xeon, with parts of it hidden by `ONEDNN_MAX_CPU_ISA`: with AMX 0.5 and 0.2,
with AVX512-BF16 1.3 and 1.3, with AVX-512 alone 3.0 and 3.5.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

CPUINFO = Path("/proc/cpuinfo")
AMX = "amx_bf16"
"""Linux's name for the matrix unit for bfloat16."""
LARGEST_ISA = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""Variables that hide instructions from oneDNN; the first one that is set counts."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision of convolutions, and why it was chosen."""

    dtype: torch.dtype
    """float32 or bfloat16."""
    reason: str
    """Why, for the log."""

    @property
    def is_half(self) -> bool:
        """Whether it is bfloat16, for which autocast is needed."""
        return self.dtype is torch.bfloat16

    def __str__(self) -> str:
        """Return the precision's name and the reason."""
        return f"{str(self.dtype).removeprefix('torch.')} ({self.reason})"


def choose_precision(
    name: Literal["auto", "float32", "bfloat16"],
    device: torch.device,
    narrowest: tuple[int, int] | None = None,
) -> Precision:
    """Return the precision that a setting names; auto means the faster one.

    It asks what the device supports and measures nothing: a training that is resumed
    must not continue in another precision.

    Parameters
    ----------
    name
        The setting.
    device
        The device to compute on.
    narrowest
        For training: edges of the deepest feature map and of the kernel that passes
        over it [voxels]. If the map is not wider, PyTorch's gradients in bfloat16 can
        be garbage on a CPU (2.13: not finite in up to half of the steps with kernel 3
        at 2³ voxels, 5 at 3³ and 4³), so auto means float32.
    """
    if name != "auto":
        return Precision(getattr(torch, name), "as set")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(torch.bfloat16, "the GPU computes it")
        return Precision(torch.float32, "the GPU has no bfloat16")
    if not _has_amx():
        return Precision(torch.float32, "no AMX, without which bfloat16 is slower")
    if narrowest and narrowest[0] <= narrowest[1]:
        return Precision(
            torch.float32,
            f"feature maps of {narrowest[0]} voxels are too small for bfloat16 on a"
            " CPU",
        )
    return Precision(torch.bfloat16, "the processor has AMX")


def _has_amx() -> bool:
    """Return whether oneDNN computes with AMX: it exists and is not hidden."""
    largest = next((os.environ[v] for v in LARGEST_ISA if os.environ.get(v)), "ALL")
    allowed = largest.upper() in ("ALL", "DEFAULT") or "AMX" in largest.upper()
    return allowed and AMX in _processor_flags(CPUINFO)


@cache
def _processor_flags(path: Path) -> frozenset[str]:
    """Return the processor's features, as Linux names them; empty on other systems."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return frozenset(next(flags, "").split())
