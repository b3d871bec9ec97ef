"""What the jobs of one run read and write, as the workflow's rules ask for it.

A run is one method trained once: that of the settings, on all tomograms, or a cell of
the benchmark, on the first ones and with a seed of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from picker.config.fitting import refuse_unfit_tuning
from picker.config.link import refuse_unlinkable_squares
from picker.config.methods import METHODS
from picker.project.imported import latest_file
from picker.project.partial import refuse_partial
from picker.project.validation import refuse_without_validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from picker.config import Config, Split
    from picker.config.methods import Row
    from picker.project.layout import Run
    from picker.project.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One run and the plan that it is part of."""

    plan: Plan
    run: Run

    @property
    def config(self) -> Config:
        """The settings that it is made with: the project's, or a variant's."""
        return self.plan.variants.get(self.run.variant, self.plan.config)

    @property
    def changes(self) -> frozenset[str]:
        """The sections of settings that its variant changes."""
        variants = self.plan.config.benchmark.variants
        return frozenset(variants.get(self.run.variant, ()))

    def settings(self, *sections: str) -> list[str]:
        """Return the files of some sections, a variant's own where it changes them."""
        results, variant = self.plan.results, self.run.variant
        return [
            results.variant_settings(variant, section)
            if section in self.changes
            else results.settings(section)
            for section in sections
        ]

    @property
    def row(self) -> Row:
        """What there is to know of its method, with pre-training if that is on."""
        row = METHODS[self.run.method]  # type: ignore[index]
        is_on = self.plan.config.pretrain.proposals != "none"
        return row.pretrained() if is_on else row

    @property
    def members(self) -> list[PlannedRun]:
        """The runs whose candidates it joins, if its method votes."""
        if not self.row.votes:
            return []
        results, cell = self.plan.results, self.run.cell
        return [
            replace(self, run=results.cell(*cell, name) if cell else results.run(name))
            for name in self.config.vote.members
        ]

    def trained(self) -> tuple[str, ...]:
        """Return the names of its stages of training."""
        return tuple(stage.name for stage in self.row.stages)

    def shards(self, *splits: Split) -> list[str]:
        """Return the shards of some splits that it sees.

        Of labeled tomograms, and where the settings say so of unlabeled ones, a cell
        sees the first so many, which are a shard of their own (`first_shard`).
        """
        found = []
        for split in splits:
            number = self._number(split)
            found += (
                self.plan.shard_names(split)
                if number is None
                else [first_shard(split, number)]
            )
        return found

    def _number(self, split: Split) -> int | None:
        """Return how many of a split a cell sees; None: all."""
        if self.run.cell is None:
            return None
        unlabeled = self.plan.config.benchmark.unlabeled
        return {"labeled": self.run.cell[0], "unlabeled": unlabeled}.get(split)

    def preprocessed(self, *splits: Split) -> list[str]:
        """Return the manifests of some splits' preprocessed tomograms."""
        return [self.plan.results.preprocessed(s) for s in self.shards(*splits)]

    def predicted(self, *splits: Split) -> list[str]:
        """Return the manifests of some splits' candidates."""
        return [self.run.predicted(shard) for shard in self.shards(*splits)]

    def candidates(self) -> list[str]:
        """Return the manifests of all candidates: a cell has those it is judged by."""
        if self.run.cell:
            return self.predicted(self.plan.evaluated)
        return [self.run.predicted(shard) for shard in self.plan.shard_names()]

    def calibrated_on(self) -> list[str]:
        """Return the manifests of the candidates that thresholds are chosen from.

        Where no particle is known, all those that a method's own threshold is for.
        """
        known = self.predicted(self.plan.feedback) + self.copies()
        return known or (self.candidates() if self.row.threshold_setting else [])

    def own_threshold(self) -> str:
        """Return the option that names a method which needs no labels; else nothing."""
        return f"--method {self.run.method}" if self.row.threshold_setting else ""

    def copies(self) -> list[str]:
        """Return the manifests of copies, where labeled tomograms calibrate."""
        if self.row.votes and not self.members:
            return []  # other programs have seen no copies
        if self.plan.copies == "halves":
            return [self.run.halves(shard) for shard in self.shards("labeled")]
        return [self.run.noisy] if self.plan.copies == "noise" else []

    def halved(self) -> list[str]:
        """Return the shards whose halves are predicted, for whatever reason."""
        labeled = self.shards("labeled") if self.plan.copies == "halves" else []
        return [*labeled, *([] if self.run.cell else self.plan.halved)]

    def halves(self) -> list[str]:
        """Return the manifests of the halves that reproducibility is measured on."""
        return [self.run.halves(shard) for shard in self.plan.halved]

    def whole(self) -> list[str]:
        """Return the manifests of candidates in the shards of those halves."""
        return [self.run.predicted(shard) for shard in self.plan.halved]

    def num_halved(self, shard: str) -> int:
        """Return of how many of a shard's tomograms the halves are predicted."""
        if shard in self.plan.halved:
            return self.plan.halved[shard]
        # To calibrate on: all of them.
        return self._number("labeled") or len(self.plan.shards[shard])

    def model(self, stage: str) -> str:
        """Return the model that a stage makes, or that a shared one makes for it."""
        cell, row = self.run.cell, self.row
        trained = row.stage(stage)
        if cell and self.run.variant and not self.changes & self._taught_by(stage):
            plain = self.plan.results.cell(*cell, self.run.method)
            return replace(self, run=plain).model(stage)
        if cell is None or self.run.variant or not trained.is_shared:
            return self.run.model(stage)
        alike = (
            name
            for name in self.plan.config.benchmark.methods
            if trained in self.plan.of(name).row.stages
            and (METHODS[name].module, METHODS[name].network)
            == (row.module, row.network)
        )
        # A member of a vote need not be compared itself.
        first = next(alike, self.run.method)
        return self.plan.results.cell(*cell, first).model(stage)

    def _taught_by(self, stage: str) -> set[str]:
        """Return the sections of settings behind the model of a stage."""
        names = [one.name for one in self.row.stages]
        until = names[: names.index(stage) + 1]
        return {"train", *(name for one in until for name in self._sections(one))}

    def before(self, stage: str) -> list[str]:
        """Return the model that a stage begins with, if there is one."""
        return [self.model(name) for name in self.row.before(stage)]

    def models(self) -> list[str]:
        """Return the models that it finds with."""
        return [self.model(name) for name in self.row.models]

    def labeled(self, stage: str) -> list[str]:
        """Return the manifests of the tomograms whose picks a stage sees.

        Raises
        ------
        ValueError
            If a cell's method cannot be trained on them, see `refuse_partial`,
            `refuse_unlinkable_squares` and `refuse_without_validation`.
        """
        refuse_partial(self.run.method, self.plan.rows)
        refuse_unlinkable_squares(self.config, self.row)
        refuse_without_validation(self.config, self.row.stage(stage), self.plan.rows)
        return self.preprocessed(*self.row.stage(stage).labeled, "validation")

    def unlabeled(self, stage: str) -> list[str]:
        """Return the manifests of the tomograms that a stage sees without picks.

        Tomograms that it sees both ways are `labeled`.
        """
        seen = self.row.stage(stage)
        splits = (s for s in seen.without_picks if s not in seen.labeled)
        return self.preprocessed(*splits)

    def learns_from_picks(self, stage: str) -> bool:
        """Return whether a stage's proposals are the picks of the tomograms."""
        picks = self.plan.config.pretrain.proposals == "picks"
        return picks and bool(self.row.stage(stage).proposed)

    def unlabeled_digests(self, stage: str) -> list[str]:
        """Return texts that change when the list of a stage's unlabeled ones does."""
        splits = self.row.stage(stage).without_picks
        return [self.plan.names_digest(split) for split in splits]

    def training_settings(self, stage: str) -> list[str]:
        """Return the settings that a stage reads; the network's are for the first."""
        results, cell = self.plan.results, self.run.cell
        variant = self.run.variant if "train" in self.changes else ""
        train = results.seed_settings(cell[1], variant) if cell else None
        train = train or results.settings("train")
        return [train, *self.settings(*self._sections(stage))]

    def _sections(self, stage: str) -> list[str]:
        """Return the sections that a stage reads besides train."""
        trained = self.row.stage(stage)
        more = getattr(self.config, trained.follows).reads if trained.follows else ()
        first = ["particles", self.row.architecture, "preprocess"]
        own = [] if self.before(stage) else first
        return list(dict.fromkeys([*own, *trained.sections, *more]))

    def start_from(self, stage: str) -> list[str]:
        """Return another project's model that the first stage begins with, if any."""
        path = self.config.burn_in.start_from
        return [str(path)] if path and not self.before(stage) else []

    def finding_settings(self) -> list[str]:
        """Return the settings that finding reads; of a method without a model all.

        Those that detections are linked by are not among them.
        """
        more = () if self.row.models else ("particles", "preprocess")
        return self.settings("predict", *more, *self.row.sections)

    def linking_settings(self) -> list[str]:
        """Return the settings by which what it detects is linked, if it links."""
        return self.settings("link") if self.row.links else []

    def exported_settings(self) -> list[str]:
        """Return the settings that exported picks depend on, each once."""
        ours = self.settings("particles", "export", "pick")
        found = [*self.finding_settings(), *self.linking_settings()]
        return list(dict.fromkeys([*ours, *found]))

    def tuning_settings(self) -> list[str]:
        """Return the settings that tuning reads.

        Raises
        ------
        ValueError
            If its method does not read what is to be tuned, see `refuse_unfit_tuning`.
        """
        refuse_unfit_tuning(self.config)
        voting = ("vote",) if self.row.votes else ()
        sections = ("particles", "tune", "pick", "calibrate", *voting)
        return [*self.settings(*sections), *self.linking_settings()]

    def density_maps(self) -> list[str]:
        """Return the density maps that it finds by."""
        return self._densities() if self.row.densities else []

    def proposed_by(self, stage: str) -> list[str]:
        """Return the density maps that make a stage's proposals."""
        names = self.row.stage(stage).proposed and not self.before(stage)
        by_maps = self.plan.config.pretrain.proposals == "template"
        return self._densities() if names and by_maps else []

    def _densities(self) -> list[str]:
        """Return the density maps of the classes."""
        return [str(p.density) for p in self.plan.config.particles if p.density]

    def finds(self) -> str:
        """Return the options that name the models, or a method that has none."""
        models = " ".join(f"--model {path}" for path in self.models())
        return models or f"--method {self.run.method}"

    def voters(self, manifests: Callable[[PlannedRun], list[str]]) -> str:
        """Return the options that name the methods that vote.

        `manifests` gives the manifests of the candidates of each that are voted on.
        """
        return " ".join(
            " ".join(["--member", one.run.method, one.run.thresholds, *manifests(one)])
            for one in self.members
        )

    def vote_to_tune(self) -> str:
        """Return the options that name the vote that is tuned; else nothing."""
        if not self.row.votes:
            return ""
        return f"--vote {self.voters(lambda one: one.calibrated_on())}"

    def members_calibrated_on(self) -> list[str]:
        """Return the manifests of the members' candidates behind its thresholds."""
        return [path for member in self.members for path in member.calibrated_on()]

    def members_thresholds(self) -> list[str]:
        """Return the thresholds of each of them, which say what scores are worth."""
        return [member.run.thresholds for member in self.members]

    def known_to_vote(self) -> list[str]:
        """Return the manifests by whose known particles imported picks are judged."""
        imported = self.config.vote.imported if self.row.votes else {}
        return self.preprocessed(self.plan.feedback) if imported else []

    def rows_to_vote(self) -> list[str]:
        """Return the rows of all tomograms, whose names imported files may have."""
        imported = self.config.vote.imported if self.row.votes else {}
        return [self.plan.results.rows(s) for s in self.plan.shards if imported]

    def imported_files(self) -> list[str]:
        """Return the imported files; of a folder the one that changed last.

        A file that is added or changed is newer, and if one is gone the list changes.
        """
        imported = self.config.vote.imported if self.row.votes else {}
        return [str(latest_file(path)) for path in imported.values()]

    def manifests(self) -> list[str]:
        """Return the manifests of its candidates and picks, and of its members'."""
        found = [*self.found_manifests(), self.run.picked]
        for member in self.members:
            found += member.found_manifests()
        return list(dict.fromkeys(found))

    def found_manifests(self) -> list[str]:
        """Return the manifests of its candidates, and of what these are linked of."""
        halves = [self.run.halves(shard) for shard in self.halved()]
        found = [*self.candidates(), *self.copies(), *halves, *self.calibrated_on()]
        detected = map(self.run.detected, found) if self.row.links else ()
        return list(dict.fromkeys([*found, *detected]))


def first_shard(split: str, number: object) -> str:
    """Return the name of the shard that the first so many of a split are."""
    return f"{split}-first{number}"
