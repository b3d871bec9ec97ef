"""The only loop: it trains a task, whichever method it belongs to."""

from __future__ import annotations

import csv
import logging
import os
import time
from typing import TYPE_CHECKING

import torch

from picker.core.files import written_whole
from picker.machine.precision import choose_precision
from picker.machine.processes import (
    any_process,
    is_first,
    num_processes,
    share_statistics,
    shared_out,
    total,
)
from picker.machine.progress import Progress
from picker.machine.signals import Interrupted, StopRequest
from picker.training.checkpoint import load_checkpoint, save_checkpoint
from picker.training.loading import batches
from picker.training.optimizer import Adam

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from picker.config import TrainSettings
    from picker.networks.network import Network
    from picker.training.batch import Batch
    from picker.training.task import Task

logger = logging.getLogger(__name__)

LOG_EVERY = 25
"""Steps between rows of the training log."""
MAX_BAD_STEPS = 20
"""Steps in a row without a finite gradient after which training stops."""


def train(
    task: Task,
    settings: TrainSettings,
    *,
    device: torch.device,
    checkpoint: Path,
    log: Path,
    key: str = "",
    validate: Callable[[Network], float] | None = None,
    stop: StopRequest | None = None,
) -> Network:
    """Train a task and return its result.

    Parameters
    ----------
    task
        What is trained.
    settings
        What all stages have in common.
    device
        Where to train.
    checkpoint
        Written as training goes; resumed from where it exists.
    key
        Names what is trained on what; a checkpoint with another is not resumed.
    log
        Table of step, losses, the task's figures, learning rate and speed, rewritten
        at checkpoints.
    validate
        Gives the mean F1 of a model, where there are validation tomograms.
    stop
        Whether to stop before the next step.

    Raises
    ------
    ValueError
        If the loss stays without a finite gradient, or the learning rate should follow
        a validation that there is not.
    Interrupted
        If a signal asks to stop; the checkpoint holds the step it came in.
    """
    steps, plateau = task.schedule.steps, task.plateau
    if plateau.is_on and validate is None:
        raise ValueError(
            f"{task.name}: burn_in.plateau lowers the learning rate by F1 on validation"
            " tomograms, and none can be used; expected one at least, give a row of the"
            " table split: validation, or set burn_in.plateau.patience: 0"
        )
    validate_every = plateau.epoch_steps if plateau.is_on else settings.validate_every
    stop = StopRequest() if stop is None else stop
    torch.manual_seed(settings.seed)
    compute_reproducibly(device)
    task.begin(device)
    student = task.model
    share_statistics(student)
    optimizer = Adam(student.parameters(), settings.weight_decay)
    step = 0
    rows: list[dict[str, float]] = []
    saved = load_checkpoint(checkpoint)
    if saved is not None and saved["key"] != key:
        logger.info(
            "%s starts again from the beginning: settings or labels changed", task.name
        )
    elif saved is not None:
        task.restore(saved)
        optimizer.restore(saved["optimizer"])
        step, rows = saved["step"], saved["rows"]
        logger.info("%s resumes at step %d", task.name, step)
    if num_processes() > 1:
        logger.info("%s on %d processes", task.name, num_processes())
    student.train()
    forward = shared_out(student)

    def save() -> None:
        if is_first():
            state = {"optimizer": optimizer.state(), "step": step, "rows": rows}
            save_checkpoint(checkpoint, {**task.state(), **state, "key": key})
            write_log(log, rows)

    def validate_if_due() -> None:
        """Add F1 to the last row if it lacks it, as after a kill."""
        due = step % validate_every == 0 or step == steps
        if not (validate and due and rows) or rows[-1]["step"] != step:
            return
        if is_first() and "validation_f1" not in rows[-1]:
            result = task.result
            result.eval()
            rows[-1]["validation_f1"] = validate(result)
            student.train()
            logger.info("validation F1 %.3f", rows[-1]["validation_f1"])
        if plateau.is_on:
            # All processes follow what the first one found.
            found = rows[-1].get("validation_f1", 0.0) if is_first() else 0.0
            of_all = total(torch.tensor(found, dtype=torch.float64, device=device))
            rows[-1]["validation_f1"] = of_all.item()

    deepest_edge = -(-min(task.patches.shape) // student.alignment)
    precision = choose_precision(
        settings.precision, device, narrowest=(deepest_edge, student.kernel)
    )
    logger.info("%s computes on %s in %s", task.name, device, precision)
    autocast = torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision.is_half
    )
    validate_if_due()
    coming = batches(task.patches, step, steps, device)
    batch = next(coming, None)
    bad_steps, last_save = 0, time.monotonic()
    since, since_step = time.monotonic(), step
    progress = Progress(task.name, steps, "steps", step)
    while batch is not None:
        # Dropout draws from torch's own state: the same in a resumed training.
        torch.manual_seed((settings.seed + step) % 2**63)
        figures = [row["validation_f1"] for row in rows if "validation_f1" in row]
        rate = task.rate(step, figures if plateau.is_on else ())
        student.zero_grad()
        task.before_step(step)
        losses = add_gradients(
            task, forward, batch, step, settings.accumulate, autocast
        )
        norm = torch.nn.utils.clip_grad_norm_(student.parameters(), task.clip)
        # While a GPU still computes, for which the next line waits.
        batch = next(coming, None)
        # See `choose_precision`; one such step must not poison the weights.
        if torch.isfinite(norm):
            optimizer.step(rate)
            task.after_step()
            bad_steps = 0
        else:
            bad_steps += 1
            logger.warning("step %d: gradient not finite, left out", step)
            if bad_steps >= MAX_BAD_STEPS:
                raise ValueError(
                    f"{task.name}: {bad_steps} steps in a row gave no finite gradient;"
                    " set train.precision: float32 or lower the learning rate"
                )
        step += 1
        done = step == steps
        if (
            step % LOG_EVERY == 0
            or (plateau.is_on and step % validate_every == 0)
            or done
        ):
            speed = (step - since_step) / (time.monotonic() - since)
            since, since_step = time.monotonic(), step
            row = {
                "step": step,
                "loss": total(torch.stack(list(losses.values())).sum()).item(),
                **{name: total(value).item() for name, value in losses.items()},
                **task.figures(),
                "learning_rate": rate,
                "gradient_norm": norm.item(),
                "steps_per_second": speed,
            }
            rows.append(row)
        # The loss is summed over all processes; each logs at times of its own.
        progress.update(step, _loss(rows))
        if any_process(bool(stop), device) and not done:
            save()
            raise Interrupted(
                f"{task.name} stopped by {stop} at step {step} of"
                f" {steps}; the same command continues from there",
                stop.number,
            )
        due = time.monotonic() - last_save > 60 * settings.checkpoint_minutes
        if step % settings.checkpoint_every == 0 or due or done:
            save()
            last_save = time.monotonic()
        validate_if_due()
    logger.info("%s %d/%d steps  %s", task.name, step, steps, _loss(rows))
    if is_first():
        write_log(log, rows)
    return task.result.eval().requires_grad_(requires_grad=False)


def add_gradients(
    task: Task,
    student: nn.Module,
    batch: Batch,
    step: int,
    parts: int,
    autocast: torch.autocast,
) -> dict[str, Tensor]:
    """Add the gradients of a batch, part by part; return the means of its losses.

    Raises
    ------
    ValueError
        If a part is too much for the GPU's memory.
    """
    means: dict[str, Tensor] = {}
    try:
        for i in range(parts):
            part = batch.part(i, parts)
            with autocast:
                losses = task.losses(student, part, step)
            loss = torch.stack(list(losses.values())).sum() / parts
            # Each process has its share of the loss; gradients are averaged over them.
            (num_processes() * loss).backward()
            for name, value in losses.items():
                means[name] = means.get(name, 0) + value.detach() / parts
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"{task.name}: {part.num_patches} patches of"
            f" {tuple(part.labeled.shape[2:])} voxels do not fit into the GPU's memory;"
            " raise train.accumulate up to train.batch_size (by the number of GPUs),"
            " lower train.patch_zyx, or set train.resident: never"
        ) from error
    return means


def compute_reproducibly(device: torch.device) -> None:
    """Let a GPU add up in the same order every time; PyTorch raises where it cannot."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # As `use_deterministic_algorithms`, which would load PyTorch's compiler.
        torch.set_deterministic_debug_mode("error")
        # It would also fill new tensors, which shows reads of unwritten memory.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the training log as a TSV, atomically."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with written_whole(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _loss(rows: list[dict[str, float]]) -> str:
    """Return the last loss in the log, as text."""
    return f"loss {rows[-1]['loss']:.4f}" if rows else ""
