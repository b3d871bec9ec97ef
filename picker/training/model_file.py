"""Finished models on disk: weights and what they are, as safetensors."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from picker.config.strict import json_of
from picker.core.files import checked_file, written_whole
from picker.core.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import torch


def save_model(path: Path, model: torch.nn.Module, metadata: dict[str, Any]) -> None:
    """Write a model's weights and what is needed to use them, atomically.

    `metadata` holds plain values: settings, particles, versions.
    """
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with written_whole(path, lasting=True) as temporary:
        save_file(weights, temporary, metadata={"picker": json.dumps(metadata)})


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return a model file's weights and metadata.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a model of this program, or a weight is
        not finite.
    """
    with _opened(path) as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        metadata = _metadata(path, file)
    bad = [name for name, weight in weights.items() if not weight.isfinite().all()]
    if bad:
        raise ValueError(
            f"model {path} has weights that are not finite numbers, {cut(bad[0])} for"
            f" one of {len(bad)}; expected numbers: its training failed or the file is"
            " damaged, train it again"
        )
    return weights, metadata


def read_header(
    path: Path,
) -> tuple[dict[str, tuple[int, ...]], set[str], dict[str, Any]]:
    """Return the shapes of a model file's tensors, the names of floats, and metadata.

    No tensor is loaded: the file may claim any size.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or not a model of this program.
    """
    with _opened(path) as file:
        parts = {name: file.get_slice(name) for name in file.keys()}
        shapes = {name: tuple(part.get_shape()) for name, part in parts.items()}
        fractions = {
            name
            for name, part in parts.items()
            if part.get_dtype().startswith(("F", "BF"))
        }
        return shapes, fractions, _metadata(path, file)


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    if not checked_file(path, "a model").is_file():
        raise ValueError(f"model {path} does not exist; train one or fix the path")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(
            f"model {path} cannot be read: expected safetensors, got {cut(error)};"
            " delete it and run again"
        ) from error


def _metadata(path: Path, file: Any) -> dict[str, Any]:
    text = (file.metadata() or {}).get("picker")
    if text is None:
        raise ValueError(f"model {path} was not written by this program; train one")
    try:
        metadata = json_of(text)
    except ValueError as error:
        raise ValueError(
            f"model {path} does not say what it is: expected JSON, got {error}; train"
            " one"
        ) from error
    if not isinstance(metadata, dict):
        raise ValueError(
            f"model {path} does not say what it is: expected a JSON object, got"
            f" {shown(metadata)}; train one"
        )
    return metadata
