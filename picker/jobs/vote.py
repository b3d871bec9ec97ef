"""Candidates of one shard by a vote: what its members found, joined."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from picker.core.picks import score_histogram
from picker.formats.picks.star import read_picks, write_picks
from picker.formats.tables.star_table import read_comments
from picker.jobs.failures import told_failure
from picker.machine.progress import tracked
from picker.project.claims import claimed
from picker.project.manifests import write_manifest
from picker.project.records import Failed, Predicted, failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from picker.core.picks import Picks
    from picker.jobs.election import Election
    from picker.jobs.members import Voted
    from picker.project.records import Preprocessed

logger = logging.getLogger("picker")


def write_votes(
    election: Election,
    entries: Sequence[Preprocessed | Failed],
    folder: Path,
    output: Path,
) -> None:
    """Write the candidates of a shard, as `predict_shard.write_shard` does.

    A tomogram in which a member failed is recorded and the others continue.

    Parameters
    ----------
    election
        Who votes, and how.
    entries
        Preprocessed tomograms, where other programs vote alone.
    folder
        Where `<tomogram>.star` are written.
    output
        Manifest to write.

    Raises
    ------
    OSError
        If the disk takes nothing.
    """
    with claimed(output, folder):
        totals = {p.name: score_histogram(np.zeros(0)) for p in election.particles}
        done: list[Predicted | Failed] = []
        voted = election.voted(entries, folder)
        for one in tracked(voted, "vote", len(voted), "tomograms"):
            if isinstance(one, Failed):
                done.append(replace(one, path=folder / one.path.name))
                continue
            path = folder / one.file
            try:
                key, found = _candidates(election, one, path)
            except Exception as error:
                reason = told_failure(one.preprocessed.tomogram, path, error)
                done.append(failed(one.preprocessed, path, reason))
                continue
            for name, total in totals.items():
                total += score_histogram(found.of(name).score)
            entry = one.preprocessed
            done.append(
                Predicted(
                    preprocessed=entry, candidates=path, fingerprint=key, half=one.half
                )
            )
        write_manifest(
            output,
            done,
            histograms={name: tuple(total.tolist()) for name, total in totals.items()},
            model=election.model,
        )


def _candidates(election: Election, one: Voted, path: Path) -> tuple[str, Picks]:
    """Return one tomogram's key and candidates, which are written unless valid."""
    key = election.key(one)
    if path.exists() and read_comments(path).get("fingerprint") == key:
        logger.info("%s is up to date", path.stem)
        return key, read_picks(path)
    found = election.joined(one)
    write_picks(path, found, {"fingerprint": key})
    logger.info("%s: %d candidates", path.stem, len(found))
    return key, found
