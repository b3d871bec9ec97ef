"""Every setting, typed and validated; config.yaml is written from here.

What a setting does is written once: below its field, or in its section's docstring.
`picker.config.manual` makes the comments of config.yaml from these texts.
"""

from __future__ import annotations

from typing import Annotated, Self, cast

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from picker.config.base import (
    SPLITS,
    Angles,
    Contours,
    Outside,
    Settings,
    ShapeZYX,
    Split,
    Target,
    checked_name,
)
from picker.config.benchmark import BenchmarkSettings, variants_of
from picker.config.blobs import BlobsSettings
from picker.config.co_train import CoTrainSettings
from picker.config.deepfindet import DeepFindETSettings
from picker.config.fitting import refuse_unfit_picking
from picker.config.link import LinkSettings, refuse_unlinkable_squares
from picker.config.loss import LossSettings
from picker.config.methods import METHODS, MethodName
from picker.config.micrographs import default_targets, refuse_other_dimensions
from picker.config.names import (
    known_as,
    safe_name,
    tomogram_name,
    tomogram_of_file,
)
from picker.config.partial import PartialSettings
from picker.config.particles import COLORS, Particle
from picker.config.picking import (
    CalibrateSettings,
    EvaluateSettings,
    ExportSettings,
    LabelNextSettings,
    PickSettings,
    PredictSettings,
    ReportSettings,
    ReproducibilitySettings,
)
from picker.config.plateau import PlateauSettings
from picker.config.preprocess import PreprocessSettings
from picker.config.pretrain import PretrainSettings, refuse_unmade_proposals
from picker.config.problems import explained
from picker.config.simulate import SimulateSettings
from picker.config.slices import SlicesSettings
from picker.config.sources import (
    CopickSettings,
    FolderSettings,
    RelionSettings,
    WarpSettings,
)
from picker.config.steps import ContrastSettings, OffsetsSettings
from picker.config.template import TemplateSettings, refuse_missing_densities
from picker.config.tomograms import TomogramRow, TomogramsSettings
from picker.config.tomopicker import TomoPickerSettings
from picker.config.training import (
    AugmentSettings,
    BurnInSettings,
    ModelSettings,
    TrainSettings,
)
from picker.config.tune import TuneSettings
from picker.config.upicker import UPickerSettings
from picker.config.vote import VoteSettings

__all__ = [
    "SPLITS",
    "Angles",
    "AugmentSettings",
    "BenchmarkSettings",
    "BurnInSettings",
    "CalibrateSettings",
    "CoTrainSettings",
    "Config",
    "Contours",
    "ContrastSettings",
    "CopickSettings",
    "DeepFindETSettings",
    "EvaluateSettings",
    "ExportSettings",
    "FolderSettings",
    "LabelNextSettings",
    "LinkSettings",
    "LossSettings",
    "ModelSettings",
    "OffsetsSettings",
    "Outside",
    "PartialSettings",
    "Particle",
    "PickSettings",
    "PlateauSettings",
    "PredictSettings",
    "PreprocessSettings",
    "PretrainSettings",
    "RelionSettings",
    "ReportSettings",
    "ReproducibilitySettings",
    "Settings",
    "ShapeZYX",
    "SimulateSettings",
    "SlicesSettings",
    "Split",
    "Target",
    "TemplateSettings",
    "TomoPickerSettings",
    "TomogramRow",
    "TomogramsSettings",
    "TrainSettings",
    "TuneSettings",
    "UPickerSettings",
    "VoteSettings",
    "WarpSettings",
    "checked_name",
    "explained",
    "known_as",
    "safe_name",
    "tomogram_name",
    "tomogram_of_file",
]


class Config(Settings):
    """All of config.yaml."""

    method: MethodName = "semietpicker"
    """How particles are found; results are in results/<method>/:
    - semietpicker: burn-in on labeled tomograms, then co-training with unlabeled ones.
    - semietpicker_paper: the same, co-training as published: with DropBlock, multi-view
      and a learning rate of its own, whatever co_train and train.augment say of them.
    - multi_view: that without DropBlock.
    - mean_teacher: that without DropBlock and without multi-view.
    - supervised: burn-in alone, for as many steps as both stages have.
    - supervised_full: as supervised, but unlabeled tomograms that have picks count as
      labeled.
    - fpn, vnet: as supervised, with another network. vnet predicts at full resolution
      and takes eight times the memory: lower predict.window_zyx if memory is short.
    - deepfindet: as supervised, but segments; memory as vnet. Published patches:
      72³.
    - deepfindet_published: the same with all blocks of its authors' network and dropout
      at each level; takes about twice as long.
    - tomopicker_kl, tomopicker_pu, tomopicker_pn: as deepfindet, but learn of tomograms
      with a few labels how many particles there are (kl), that what has no label may be
      a particle (pu), or that it is none (pn).
    - self_trained: needs no labels; learns from proposals (section pretrain), then from
      what it finds itself.
    - upicker: a detection transformer that looks at slices, or at micrographs, and
      links what it finds; trains on blobs of all tomograms first, then on labels.
    - yolo_slices, faster_rcnn_slices: other detectors that look at slices, or at
      micrographs, of one stage and of two; as supervised.
    - blobs: trains nothing; finds blobs of about a particle's size, in micrographs too.
    - template: trains nothing; finds what resembles the particles' density maps.
    - vote: joins what several of these, or other programs, found; section vote."""
    particles: Annotated[tuple[Particle, ...], Field(min_length=1)]
    """The classes of particles to find, one entry each:"""
    tomograms: TomogramsSettings = TomogramsSettings()
    simulate: SimulateSettings = SimulateSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    pretrain: PretrainSettings = PretrainSettings()
    burn_in: BurnInSettings = BurnInSettings()
    co_train: CoTrainSettings = CoTrainSettings()
    partial: PartialSettings = PartialSettings()
    predict: PredictSettings = PredictSettings()
    deepfindet: DeepFindETSettings = DeepFindETSettings()
    tomopicker: TomoPickerSettings = TomoPickerSettings()
    upicker: UPickerSettings = UPickerSettings()
    slices: SlicesSettings = SlicesSettings()
    link: LinkSettings = LinkSettings()
    blobs: BlobsSettings = BlobsSettings()
    template: TemplateSettings = TemplateSettings()
    vote: VoteSettings = VoteSettings()
    calibrate: CalibrateSettings = CalibrateSettings()
    pick: PickSettings = PickSettings()
    label_next: LabelNextSettings = LabelNextSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    reproducibility: ReproducibilitySettings = ReproducibilitySettings()
    export: Annotated[ExportSettings, Field(validate_default=True)] = ExportSettings()
    report: ReportSettings = ReportSettings()
    tune: TuneSettings = TuneSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()

    @field_validator("particles")
    @classmethod
    def _colored(cls, particles: tuple[Particle, ...]) -> tuple[Particle, ...]:
        return tuple(
            particle
            if "color" in particle.model_fields_set
            else particle.model_copy(update={"color": COLORS[place % len(COLORS)]})
            for place, particle in enumerate(particles)
        )

    @field_validator("export")
    @classmethod
    def _tilt_series_of_relion(
        cls, export: ExportSettings, info: ValidationInfo
    ) -> ExportSettings:
        """Let RELION's own tomograms.star say what its tilt series are."""
        tomograms = info.data.get("tomograms")
        if tomograms and tomograms.source == "relion" and not export.tomograms_star:
            star = tomograms.relion.tomograms_star
            return export.model_copy(update={"tomograms_star": star})
        return export

    @classmethod
    def section_kind(cls, name: str) -> type[Settings]:
        """Return the type of a section."""
        return cast("type[Settings]", cls.model_fields[name].annotation)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The programs that picks are written for."""
        if self.export.targets is None:
            return default_targets(self.tomograms.dimensions)
        return self.export.targets

    @model_validator(mode="after")
    def _dimensions_fit(self) -> Self:
        refuse_other_dimensions(self)
        return self

    def finding(self, method: MethodName) -> tuple[MethodName, ...]:
        """Return the methods that find candidates for one: itself, or who votes."""
        return self.vote.members if METHODS[method].votes else (method,)

    @model_validator(mode="after")
    def _windows_hold_the_network(self) -> Self:
        networks = (METHODS[name].network for name in self.finding(self.method))
        window = self.predict.window_zyx
        least = max((2 * self.model.alignment(n) for n in networks if n), default=0)
        if window and min(window) < least:
            raise ValueError(
                f"predict.window_zyx is {list(window)}; this model's strides need at"
                f" least {least} voxels along each axis, enlarge it"
            )
        return self

    @model_validator(mode="after")
    def _slices_come_in_equal_parts(self) -> Self:
        name, parts = METHODS[self.method].architecture, self.train.accumulate
        size = getattr(getattr(self, name), "batch_size", parts)
        if size % parts:
            raise ValueError(
                f"{name}.batch_size is {size} and train.accumulate {parts}; expected a"
                f" multiple of {parts} as batch_size, change one"
            )
        return self

    @model_validator(mode="after")
    def _densities_are_named(self) -> Self:
        refuse_missing_densities(self)
        return self

    @model_validator(mode="after")
    def _proposals_are_made_and_used(self) -> Self:
        refuse_unmade_proposals(self)
        return self

    @model_validator(mode="after")
    def _squares_can_be_linked(self) -> Self:
        for method in self.finding(self.method):
            refuse_unlinkable_squares(self, METHODS[method])
        return self

    @model_validator(mode="after")
    def _partial_loss_fits(self) -> Self:
        kind = self.train.loss.kind
        if self.partial.loss == "non_negative" and kind != "reweighted_mse":
            raise ValueError(
                f"partial.loss is non_negative and train.loss.kind {kind}; expected"
                " reweighted_mse, of which it takes a part away, change one of them"
            )
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [p.name for p in self.particles]
        if len(set(names)) < len(names):
            raise ValueError(
                f"particles have a name twice: {', '.join(names)}; rename one"
            )
        for p in self.particles:
            for other in self.particles:
                if p is not other and p.own_name in (other.name, other.called):
                    raise ValueError(
                        f"particles {p.name} and {other.name} are both {p.own_name} in"
                        " the files of other programs; expected different names, change"
                        " `called` of one"
                    )
        for taken, file in (
            ("mean", "metrics.json"),
            ("all", "by_tomogram.tsv"),
            ("region-to-label", "label_next"),
        ):
            if taken in names:
                raise ValueError(
                    f"no particle can be called {taken}: {file} uses that name; rename"
                    " it"
                )
        return self

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.burn_in.plateau.is_on and self.co_train.schedule == "continue":
            raise ValueError(
                "co_train.schedule is continue, but with burn_in.plateau.patience"
                f" {self.burn_in.plateau.patience} burn-in has no cosine to go on with;"
                " expected restart, or a patience of 0, change one"
            )
        return self

    @model_validator(mode="after")
    def _picking_fits(self) -> Self:
        refuse_unfit_picking(self)
        return self

    @model_validator(mode="after")
    def _variants_are_valid(self) -> Self:
        variants_of(self)
        return self
