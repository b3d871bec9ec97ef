"""How many labels are found, where only a part of the particles has labels.

A pick without a label may be a particle, so there is neither precision nor F1. Labels
that were held out count; where none was, those that trained, which are found more often
than other particles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from picker.core.picks import no_picks
from picker.scoring.expected_number import number_from
from picker.scoring.found_labels import found_labels, pooled
from picker.scoring.match import kept_by_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from picker.config import EvaluateSettings, Particle
    from picker.core.picks import Picks
    from picker.scoring.found_labels import FoundLabels, PartialLabels

Row = dict[str, str | int | float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialTruth:
    """The labels that are counted.

    Attributes
    ----------
    by_tomogram
        Tomogram: what is known of it.
    particles
        The classes.
    """

    by_tomogram: Mapping[str, PartialLabels]
    particles: Sequence[Particle]

    def is_held_out(self, name: str) -> bool:
        """Return whether a class's labels that are counted trained nothing."""
        return any(len(t.held_out.of(name)) for t in self.by_tomogram.values())

    def counted(self, name: str, found: FoundLabels) -> NDArray[np.float64]:
        """Return the scores at a class's labels that are counted, -inf without one."""
        return found.held_out if self.is_held_out(name) else found.trained

    def found(
        self, picks: Mapping[str, Picks], particle: Particle, distance: float
    ) -> FoundLabels:
        """Return the scores of a class's candidates or picks in all tomograms."""
        return pooled(
            found_labels(picks.get(name, no_picks()), labels, particle, distance)
            for name, labels in self.by_tomogram.items()
        )

    def number(self, name: str) -> int:
        """Return N of a class: how many particles there are, for all that is known.

        It is the expected number, and in tomograms without one the number of labels,
        which is the same for every method.
        """
        every = self.by_tomogram.values()
        return round(sum(t.expected.get(name, t.num_labels(name)) for t in every))

    def is_given(self, name: str) -> bool:
        """Return whether N is the expected number in every tomogram."""
        return all(name in t.expected for t in self.by_tomogram.values())


def metrics_of_partial(
    picks: Mapping[str, Picks],
    candidates: Mapping[str, Picks],
    truth: PartialTruth,
    settings: EvaluateSettings,
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Return every number of an evaluation on partial tomograms, ready for JSON.

    Parameters
    ----------
    picks, candidates
        Tomogram: the final picks, and candidates before thresholds, none too close to
        another.
    truth
        The labels; their tomograms are evaluated.
    settings
        Match distances; for all but the first there is recall of the picks alone.
    thresholds
        What made the picks, for the record.

    Returns
    -------
    `recall@<distance>` of the picks, `recall_top_n@`, `recall_top_2n@` and
    `recall_all@` of the N and 2 N candidates of the highest scores, and of all: one
    value a class, None without a label, and their unweighted `mean`. Then `n`,
    `n_is` (expected or labels), `labels` (held out, trained or none), `thresholds`,
    `num_tomograms`, `num_truth` (labels that are counted) and `num_picks`.
    """
    first = settings.distances_per_radius[0]
    names = [particle.name for particle in truth.particles]
    ranked = {p.name: truth.found(candidates, p, first) for p in truth.particles}
    scores = {name: truth.counted(name, found) for name, found in ranked.items()}
    number = {name: truth.number(name) for name in names}
    values: dict[str, Any] = {}
    for distance in settings.distances_per_radius:
        values[f"recall@{distance:g}"] = _with_mean(
            {
                p.name: _recall(truth.counted(p.name, truth.found(picks, p, distance)))
                for p in truth.particles
            }
        )
    for label, times in (("top_n", 1), ("top_2n", 2)):
        values[f"recall_{label}@{first:g}"] = _with_mean(
            {
                name: _recall(
                    scores[name],
                    _lowest_of(found.every_candidate, times * number[name]),
                )
                for name, found in ranked.items()
            }
        )
    values[f"recall_all@{first:g}"] = _with_mean(
        {name: _recall(of_class) for name, of_class in scores.items()}
    )
    values["n"] = number
    values["n_is"] = {n: "expected" if truth.is_given(n) else "labels" for n in names}
    values["labels"] = {
        name: "none"
        if not len(scores[name])
        else "held out"
        if truth.is_held_out(name)
        else "trained"
        for name in names
    }
    values["thresholds"] = {name: float(t) for name, t in thresholds.items()}
    values["num_tomograms"] = len(truth.by_tomogram)
    values["num_truth"] = {name: len(scores[name]) for name in names}
    ours = [picks[name] for name in truth.by_tomogram if name in picks]
    values["num_picks"] = {name: sum(len(p.of(name)) for p in ours) for name in names}
    values["split"] = "partial"
    return values


def recall_rows(
    candidates: Mapping[str, Picks],
    truth: PartialTruth,
    distance_per_radius: float,
    max_points: int = 500,
) -> list[Row]:
    """Return rows: particle, threshold, picks, recall; the highest thresholds first.

    At most `max_points` of each class are kept, evenly spaced and with both ends.
    Parameters as for `metrics_of_partial`.
    """
    rows: list[Row] = []
    for particle in truth.particles:
        found = truth.found(candidates, particle, distance_per_radius)
        counted = truth.counted(particle.name, found)
        every = found.every_candidate
        if not len(counted) or not len(every):
            continue
        threshold, kept, _ = kept_by_score(every, np.ones(len(every), np.bool_))
        recall = number_from(counted, threshold) / len(counted)
        num = len(threshold)
        which = np.unique(np.linspace(0, num - 1, min(num, max_points)).round())
        rows += [
            {
                "particle": particle.name,
                "threshold": float(threshold[i]),
                "picks": int(kept[i]),
                "recall": float(recall[i]),
            }
            for i in which.astype(np.intp)
        ]
    return rows


def partial_tomogram_rows(
    picks: Mapping[str, Picks], truth: PartialTruth, distance_per_radius: float
) -> list[Row]:
    """Return rows: tomogram, particle, found, missed, picks, recall; the worst first.

    Found and missed are labels that are counted. A tomogram's first row, `all`, is of
    all classes together; tomograms without such a label stand at the end. Parameters as
    for `metrics_of_partial`.
    """
    tomograms: list[list[Row]] = []
    for tomogram, labels in truth.by_tomogram.items():
        ours = picks.get(tomogram, no_picks())
        counts = {
            p.name: (
                truth.counted(
                    p.name, found_labels(ours, labels, p, distance_per_radius)
                ),
                len(ours.of(p.name)),
            )
            for p in truth.particles
        }
        together = np.concatenate([np.empty(0), *(c for c, _ in counts.values())])
        total = sum(number for _, number in counts.values())
        tomograms.append(
            [
                {
                    "tomogram": tomogram,
                    "particle": name,
                    "found": int(np.isfinite(counted).sum()),
                    "missed": int((~np.isfinite(counted)).sum()),
                    "picks": number,
                    "recall": _recall(counted),
                }
                for name, (counted, number) in {
                    "all": (together, total),
                    **counts,
                }.items()
            ]
        )
    tomograms.sort(key=_recall_of_all)
    return [row for rows in tomograms for row in rows]


def _recall_of_all(rows: Sequence[Row]) -> float:
    """Return the recall of a tomogram's first row, above all others without one."""
    recall = rows[0]["recall"]
    return 2.0 if recall is None else float(recall)


def _lowest_of(scores: NDArray[np.float64], number: int) -> float:
    """Return the lowest of the so many highest scores; 0 if there are fewer."""
    return float(np.sort(scores)[-number]) if 0 < number <= len(scores) else 0.0


def _recall(counted: NDArray[np.float64], threshold: float = 0.0) -> float | None:
    """Return the fraction of labels that are found at a score; None without a label."""
    return float(np.mean(counted >= threshold)) if len(counted) else None


def _with_mean(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return values of each class, their mean in front; None is not in the mean."""
    known = [value for value in values.values() if value is not None]
    return {"mean": sum(known) / len(known) if known else None, **values}
