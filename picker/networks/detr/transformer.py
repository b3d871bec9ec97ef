"""The detection transformer: a 2D patch to squares about particles, each with a score.

Source: Zhang et al. 2023, DINO (mixed query selection, look forward twice, denoising
queries) on Zhu et al. 2021, Deformable DETR (two stages, box refinement), written anew;
the network of Zhang et al. 2024, UPicker, but for what docs/upicker.md lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from picker.networks.detr.backbone import Pyramid
from picker.networks.detr.layers import (
    DecoderLayer,
    EncoderLayer,
    logit,
    perceptron,
    waves,
)
from picker.networks.network import PRIOR_LOGIT, Network
from picker.networks.squares.found import Squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.config.detr import DetrSettings

CELLS = 4.0
"""Side of the square that a token begins with [pixels of its level]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NoisedQueries:
    """Queries made of known particles, besides those that the network finds by itself.

    Attributes
    ----------
    particle
        `(batch, query)` class numbers.
    squares
        `(batch, query, 3)` as the network's.
    group
        `(query,)` numbers; queries see those of their own group, and those that the
        network finds, which see none of these.
    """

    particle: Tensor
    squares: Tensor
    group: Tensor


class Found(NamedTuple):
    """What layers answer, the last one last.

    Attributes
    ----------
    logits
        `(layer, batch, query, class)`.
    squares
        `(layer, batch, query, 3)` centre y, x and side, as fractions of the patch's
        edge.
    """

    logits: Tensor
    squares: Tensor


class Answer(NamedTuple):
    """What the network answers.

    Attributes
    ----------
    found
        Of the encoder, then of each decoder layer.
    noised
        Of each decoder layer to the noised queries; None without any.
    """

    found: Found
    noised: Found | None


class DetectionTransformer(Network):
    """Squares about the particles of each class.

    Every token of the encoder proposes a square. The best ones become queries: their
    squares are where decoding begins, their content is learned and the same for all
    patches. Each layer corrects the squares of the one before.
    """

    def __init__(self, settings: DetrSettings, num_particles: int) -> None:
        super().__init__()
        self.settings = settings
        self.alignment = settings.alignment
        self.edge = settings.edge
        width = settings.width
        self.pyramid = Pyramid(settings)
        self.level = nn.Parameter(torch.randn(settings.levels, width))
        self.encoder = nn.ModuleList(
            EncoderLayer(settings) for _ in range(settings.encoder_layers)
        )
        self.memory = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.content = nn.Parameter(torch.randn(settings.queries, width))
        self.particle = nn.Embedding(num_particles, width)
        self.position = perceptron(3 * width // 2, width, width)
        self.decoder = nn.ModuleList(
            DecoderLayer(settings) for _ in range(settings.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.proposed, self.scored = (scores(width, num_particles) for _ in range(2))
        self.proposed_change, self.change = (changes(width) for _ in range(2))

    def forward(self, patch: Tensor, noised: NoisedQueries | None = None) -> Answer:
        """Return squares for a `(batch, channel, edge, edge)` patch.

        Raises
        ------
        ValueError
            If the patch is no square, or its edge no multiple of the deepest stride.
        """
        edge, alignment = patch.shape[-1], self.settings.alignment
        if patch.shape[-2] != edge or edge % alignment:
            raise ValueError(
                f"a patch has {patch.shape[-2]} × {edge} pixels; expected a square"
                f" whose edge is a multiple of {alignment}, change the patch size"
            )
        maps = self.pyramid(patch)
        sizes = [(level.shape[2], level.shape[3]) for level in maps]
        squares = token_squares(sizes, patch.device)
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)
        position = waves(squares[:, :2], self.settings.width // 2) + torch.cat(
            [self.level[i].expand(y * x, -1) for i, (y, x) in enumerate(sizes)]
        )
        for layer in self.encoder:
            tokens = layer(tokens, position, squares, sizes)
        logits, first = self._proposals(tokens, squares)
        found = self._decoded(tokens, sizes, first.detach(), noised)
        number = 0 if noised is None else noised.squares.shape[1]
        return Answer(
            found=Found(
                torch.cat([logits[None], found.logits[:, :, number:]]),
                torch.cat([first[None], found.squares[:, :, number:]]),
            ),
            noised=None
            if noised is None
            else Found(found.logits[:, :, :number], found.squares[:, :, :number]),
        )

    def found(self, patch: Tensor, min_score: float) -> list[Squares]:
        """Return the squares of each patch, as the last layer answers."""
        answer = self(patch).found
        found = []
        for logits, squares in zip(answer.logits[-1], answer.squares[-1], strict=True):
            score = logits.float().sigmoid()
            query, kind = (score >= min_score).nonzero(as_tuple=True)
            found.append(Squares(squares[query], kind, score[query, kind]))
        return found

    def _proposals(self, tokens: Tensor, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and squares of the best tokens, one for each query."""
        memory = self.memory(tokens)
        logits = self.proposed(memory)
        number = min(self.settings.queries, logits.shape[1])
        best = logits.amax(dim=-1).topk(number, dim=1).indices[..., None]
        chosen = memory.take_along_dim(best, dim=1)
        starts = logit(squares).expand(len(tokens), -1, -1).take_along_dim(best, dim=1)
        return (
            logits.take_along_dim(best, dim=1),
            (starts + self.proposed_change(chosen)).sigmoid(),
        )

    def _decoded(
        self,
        tokens: Tensor,
        sizes: Sequence[tuple[int, int]],
        squares: Tensor,
        noised: NoisedQueries | None,
    ) -> Found:
        """Return what each layer makes of proposed squares, after the noised ones."""
        number = squares.shape[1]
        queries = self.content[:number].expand(len(tokens), -1, -1)
        visible = None
        if noised is None and self.training:
            # Several processes wait for the gradient of every weight.
            queries = queries + 0 * self.particle.weight[0]
        if noised is not None:
            squares = torch.cat([noised.squares, squares], dim=1)
            queries = torch.cat([self.particle(noised.particle), queries], dim=1)
            visible = visible_queries(noised.group, number)
        before = logit(squares)
        logits, found = [], []
        for layer in self.decoder:
            # Squares are corrected from layer to layer without a gradient, else the
            # deepest layers would move what the first ones look at.
            squares = before.detach().sigmoid()
            position = self.position(waves(squares, self.settings.width // 2))
            queries = layer(queries, position, squares, tokens, sizes, visible)
            content = self.norm(queries)
            change = self.change(content)
            logits.append(self.scored(content))
            # A layer's answer teaches the layer before it too ("look forward twice").
            found.append((before + change).sigmoid())
            before = before.detach() + change
        return Found(torch.stack(logits), torch.stack(found))


def scores(width: int, num_particles: int) -> nn.Linear:
    """Return the head of classes, which expects few particles at first."""
    head = nn.Linear(width, num_particles)
    nn.init.constant_(head.bias, PRIOR_LOGIT)
    return head


def changes(width: int) -> nn.Sequential:
    """Return the head of squares, which leaves them where they are at first."""
    head = perceptron(width, width, width, 3)
    for one in head[-1].parameters():
        nn.init.zeros_(one)
    return head


def token_squares(sizes: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
    """Return `(token, 3)` squares about the pixels of each level, row after row."""
    parts = []
    for num_y, num_x in sizes:
        y, x = (
            (torch.arange(number, device=device) + 0.5) / number
            for number in (num_y, num_x)
        )
        side = torch.tensor(min(CELLS / num_x, 0.5), device=device)
        grid = torch.meshgrid(y, x, indexing="ij")
        parts.append(
            torch.stack([*grid, side.expand_as(grid[0])], dim=-1).flatten(0, 1)
        )
    return torch.cat(parts)


def visible_queries(group: Tensor, number: int) -> Tensor:
    """Return `(query, query)`, whether the first sees the second.

    Parameters
    ----------
    group
        `(noised,)` groups of the noised queries, which come first.
    number
        Of the queries that the network finds.
    """
    visible = torch.ones(
        len(group) + number, len(group) + number, dtype=torch.bool, device=group.device
    )
    visible[: len(group), : len(group)] = group[:, None] == group
    visible[len(group) :, : len(group)] = False
    return visible
