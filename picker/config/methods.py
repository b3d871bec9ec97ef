"""The methods: one row each, with what the workflow must know before it loads one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from picker.config.base import Split

MethodName = Literal[
    "semietpicker",
    "semietpicker_paper",
    "supervised",
    "supervised_full",
    "mean_teacher",
    "multi_view",
    "vnet",
    "fpn",
    "deepfindet",
    "deepfindet_published",
    "tomopicker_pn",
    "tomopicker_pu",
    "tomopicker_kl",
    "self_trained",
    "upicker",
    "yolo_slices",
    "faster_rcnn_slices",
    "blobs",
    "template",
    "vote",
]
NetworkName = Literal[
    "unet", "fpn", "vnet", "deepfindet", "deepfindet_published", "resunet"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One training of a method.

    Attributes
    ----------
    name
        Name of the stage, of its model and of its log.
    labeled, unlabeled
        Splits whose tomograms it sees with their picks, and without.
    proposed
        Splits whose tomograms it sees with proposals in place of picks: those that
        section pretrain names, or a later stage those of the model that it begins with.
    sections
        Sections of settings that it reads besides those that every training reads.
    follows
        One of them whose `reads` names further ones, as its values need them: what a
        setting does not use must not train again. None: there are no further ones.
    sets_scores
        Whether its model's scores are moved so that 0.5 is a threshold: as many
        candidates are above as proposals taught, for no label may say where it lies.
    is_shared
        Methods of one file and network that have this stage train it alike, whatever
        their options: a benchmark trains it once for all of them.
    """

    name: str
    labeled: tuple[Split, ...] = ("labeled",)
    unlabeled: tuple[Split, ...] = ()
    proposed: tuple[Split, ...] = ()
    sections: tuple[str, ...] = ()
    follows: str | None = None
    sets_scores: bool = False
    is_shared: bool = False

    @property
    def sees(self) -> tuple[Split, ...]:
        """Splits whose tomograms it needs; training logs the F1 of validation ones."""
        return (*self.labeled, *self.without_picks, "validation")

    @property
    def without_picks(self) -> tuple[Split, ...]:
        """Splits whose tomograms it sees without their picks."""
        return (*self.unlabeled, *self.proposed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What is known of a method without loading it.

    Attributes
    ----------
    module
        Module in `picker.methods`; None: it finds nothing itself, see `votes`.
    stages
        Its trainings, one after the other; each begins with the model of the one
        before. Empty: nothing is trained.
    network
        The network that is trained; None: the method has a model of its own.
    architecture
        Section of the settings that describes the network, and that a model file keeps.
    options
        How the method differs from others of the same module.
    sections
        Sections of settings that finding reads besides `predict`.
    threshold_setting
        The setting that says what has a score of 0.5, which is the threshold of classes
        of which no particle is known; None: the method needs labels.
    densities
        Whether it finds by density maps, which every class then needs.
    micrographs
        Whether it also finds in micrographs, volumes of one slice.
    pretrain
        What it trains before its stages where section pretrain says so; None: it cannot
        learn from proposals.
    links
        Whether it detects particles on slices, which are linked as section `link` says.
    votes
        Whether it joins the candidates of the members that section `vote` names.
    """

    module: str | None
    stages: tuple[Stage, ...] = ()
    network: NetworkName | None = None
    architecture: str = "model"
    options: Mapping[str, Any] = field(default_factory=dict)
    sections: tuple[str, ...] = ()
    threshold_setting: str | None = None
    densities: bool = False
    micrographs: bool = False
    links: bool = False
    votes: bool = False
    pretrain: Stage | None = None

    @property
    def needs_labels(self) -> bool:
        """Whether a stage learns from labels."""
        return any(stage.labeled for stage in self.stages)

    def pretrained(self) -> Row:
        """Return the row with its stage of pre-training first, if it has one."""
        if self.pretrain is None:
            return self
        return replace(self, stages=(self.pretrain, *self.stages), pretrain=None)

    def stage(self, name: str) -> Stage:
        """Return the stage with a name.

        Raises
        ------
        ValueError
            If the method has no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages) or "none"
        raise ValueError(f"there is no stage {name}; expected one of {names}")

    def before(self, name: str) -> tuple[str, ...]:
        """Return the stage whose model a stage begins with; empty for the first."""
        place = self.stages.index(self.stage(name))
        return tuple(stage.name for stage in self.stages[:place][-1:])

    @property
    def models(self) -> tuple[str, ...]:
        """Stages whose models find particles."""
        return tuple(stage.name for stage in self.stages[-1:])


_KNOWN: tuple[Split, ...] = ("labeled", "partial", "reviewed")
PRETRAIN = Stage(
    name="pretrain",
    labeled=(),
    proposed=("unlabeled", *_KNOWN),
    sections=("pretrain",),
    follows="pretrain",
    is_shared=True,
)
# Its model proposes next, and then finds.
LABEL_FREE = replace(PRETRAIN, sections=("pretrain", "predict"), sets_scores=True)
SELF_TRAIN = replace(LABEL_FREE, name="self_train", follows=None)
BURN_IN = Stage(
    name="burn_in", labeled=_KNOWN, sections=("burn_in", "partial"), is_shared=True
)
CO_TRAIN = Stage(
    name="co_train",
    labeled=_KNOWN,
    unlabeled=("unlabeled", "partial", "reviewed"),
    sections=("co_train", "partial"),
    follows="co_train",
)
# Trained for as many steps as both stages of semietpicker together.
ALONE = Stage(
    name="burn_in", labeled=_KNOWN, sections=("burn_in", "co_train", "partial")
)
ALL_LABELS = replace(ALONE, labeled=(*_KNOWN, "unlabeled"))
# Segments: what no sphere covers is background.
SEGMENTING = Stage(name="burn_in", sections=("burn_in", "co_train", "deepfindet"))

_SEMIETPICKER = Row(
    module="semietpicker",
    network="unet",
    stages=(BURN_IN, CO_TRAIN),
    pretrain=PRETRAIN,
)
_SUPERVISED = Row(
    module="supervised", network="unet", stages=(ALONE,), pretrain=PRETRAIN
)
_DEEPFINDET = Row(module="deepfindet", network="deepfindet", stages=(SEGMENTING,))
_TOMOPICKER = Row(
    module="tomopicker",
    network="resunet",
    stages=(
        replace(
            ALONE,
            # What is known around single answers has no place in its shares of voxels.
            labeled=("labeled", "partial"),
            sections=(*ALONE.sections, "tomopicker"),
        ),
    ),
    sections=("tomopicker",),
)

# What looks like a particle and has no label counts for nothing in partial tomograms:
# all stages of detectors look for blobs.
ON_BLOBS = Stage(
    name="pretrain",
    labeled=("labeled", "partial"),
    unlabeled=("unlabeled", "reviewed"),
    sections=("upicker", "blobs", "partial"),
)
FINE_TUNE = Stage(
    name="fine_tune",
    labeled=_KNOWN,
    sections=("upicker", "burn_in", "blobs", "partial"),
)

_SLICES = Row(
    module="slices",
    stages=(
        Stage(
            name="burn_in",
            labeled=_KNOWN,
            sections=("slices", "burn_in", "co_train", "blobs", "partial"),
        ),
    ),
    architecture="slices",
    links=True,
    micrographs=True,
)

METHODS: dict[MethodName, Row] = {
    "semietpicker": _SEMIETPICKER,
    "semietpicker_paper": replace(
        _SEMIETPICKER, options={"multi_view": True, "dropblock": True}
    ),
    "supervised": _SUPERVISED,
    "supervised_full": replace(_SUPERVISED, stages=(ALL_LABELS,)),
    "mean_teacher": replace(
        _SEMIETPICKER, options={"multi_view": False, "dropblock": False}
    ),
    "multi_view": replace(
        _SEMIETPICKER, options={"multi_view": True, "dropblock": False}
    ),
    "vnet": replace(_SUPERVISED, network="vnet"),
    "fpn": replace(_SUPERVISED, network="fpn"),
    "deepfindet": _DEEPFINDET,
    "deepfindet_published": replace(_DEEPFINDET, network="deepfindet_published"),
    "tomopicker_pn": replace(_TOMOPICKER, options={"loss": "pn"}),
    "tomopicker_pu": replace(_TOMOPICKER, options={"loss": "pu"}),
    "tomopicker_kl": replace(_TOMOPICKER, options={"loss": "kl"}),
    "self_trained": Row(
        module="supervised",
        network="unet",
        stages=(LABEL_FREE, SELF_TRAIN),
        threshold_setting="pretrain.min_score",
    ),
    "upicker": Row(
        module="upicker",
        stages=(ON_BLOBS, FINE_TUNE),
        architecture="upicker",
        sections=("upicker",),
        links=True,
        micrographs=True,
    ),
    "yolo_slices": replace(_SLICES, options={"kind": "yolo"}),
    "faster_rcnn_slices": replace(_SLICES, options={"kind": "faster_rcnn"}),
    "blobs": Row(
        module="blobs",
        sections=("blobs",),
        threshold_setting="blobs.threshold_sd",
        micrographs=True,
    ),
    "template": Row(
        module="template",
        sections=("template",),
        densities=True,
        threshold_setting="template.threshold_sd",
    ),
    # Without any known particle its members' thresholds become 0.5.
    "vote": Row(
        module=None,
        sections=("vote",),
        threshold_setting="the threshold of each of vote.methods",
        micrographs=True,  # if its members do
        votes=True,
    ),
}
"""Source: Wang et al. 2025, SemiETPicker, section 3.3 and tables 1, 3 and 4; Uddin et
al. 2025, TomoPicker, section 3.2; Zhang et al. 2024, UPicker."""
