"""What density maps bring before a tenth of the labels, on phantoms.

python tests/benchmarks/template_proposals.py --seeds 0 1 2 --out template.tsv

As `pretrain.py`, with a tenth of the labels of two phantoms, but the network learns
from matches with density maps of the phantoms' own shapes first. The first row is of
method template itself. With `--part choices` more ways, tried on other phantoms,
`--seeds 7`. Prints the same columns. With `--part counts`: which matches, class, how
many teach, how many of them are right.
"""

from functools import cache
from typing import NamedTuple

from few_labels import (
    DEVICE,
    PARTICLES,
    PREDICT,
    candidates,
    density_maps,
    write_seeds,
)
from pretrain import PRETRAIN, Phantoms, proposed, trained_on

from picker.config import PartialSettings
from picker.config.template import TemplateSettings
from picker.methods.template import TemplateFinder
from picker.refining.proposals import for_every_class, of_best_class, proposals_of
from picker.scoring.match import pooled_matches


class Matches(NamedTuple):
    """Which matches with density maps teach."""

    normalise: str
    one_a_place: bool
    min_score: float


@cache
def matcher(normalise):
    """Return what finds by the density maps of the phantoms' own shapes."""
    settings = TemplateSettings(normalise=normalise)
    return TemplateFinder(PARTICLES, density_maps(), settings, PREDICT, DEVICE)


def one_a_place(found, particles, *limits):
    """Return proposals of which each place has that of its best class."""
    return proposals_of(of_best_class(found, particles), particles, *limits)


def matches_as_labels(of, matches):
    """Return all phantoms whose labels may train, with matches in their place."""
    found = candidates(matcher(matches.normalise), of.seen)
    kind = one_a_place if matches.one_a_place else proposals_of
    return proposed(of.seen, found, matches.min_score, kind)


def counts(seed, steps):
    """Yield how many matches of each class teach, and how many of these are right."""
    del steps  # nothing is trained
    of = Phantoms(seed)
    truth = {tomogram.name: known for tomogram, known in of.seen}
    found = {n: candidates(matcher(n), of.seen) for n in ("global", "local")}
    for name, matches in (COUNTED | MATCHES).items():
        kind = one_a_place if matches.one_a_place else proposals_of
        limits = matches.min_score, PRETRAIN.doubt, None
        sure = {
            tomogram: kind(one, PARTICLES, *limits).sure
            for tomogram, one in found[matches.normalise].items()
        }
        for particle in PARTICLES:
            _, is_true, _ = pooled_matches(sure, truth, particle, 0.5)
            yield name, particle.name, len(is_true), int(is_true.sum())


COUNTED = {
    "matches .4": Matches("global", False, 0.4),
    "matches .55": Matches("global", False, 0.55),
    "matches .4, one a place": Matches("global", True, 0.4),
    "local matches": Matches("local", False, PRETRAIN.min_score),
    "local matches .4": Matches("local", False, 0.4),
}
MATCHES = {
    "matches": Matches("global", False, PRETRAIN.min_score),
    "local matches .4, one a place": Matches("local", True, 0.4),
}
ON_LABELS = {
    "": {},
    ", no background": {"partial": PartialSettings(loss="none")},
    ", a third of the rate": {"learning_rate": 3e-4},
}
"""How labels train: nothing is learned where none is, or more slowly."""
BACKGROUND = ("", ", no background")


def with_proposals(of, name, sources, steps, ways):
    """Yield the rows of a network that learns from proposals, then from labels."""
    start = trained_on(sources, of.seed, steps, stage="pretrain")
    yield of.with_a_tenth(f"{name}, no label", start)
    for how in ways:
        model = trained_on(of.tenth, of.seed, steps, start, **ON_LABELS[how])
        yield of.with_a_tenth(f"{name}, a tenth{how}", model)


def labels_alone(of, steps):
    """Yield the rows of a tenth of the labels, from random weights."""
    for how in BACKGROUND:
        model = trained_on(of.tenth, of.seed, steps, **ON_LABELS[how])
        yield of.with_a_tenth(f"a tenth, {steps} steps{how}", model)


def choices(seed, steps):
    """Yield ways to use proposals, of which `templates` compares the best one."""
    of = Phantoms(seed)
    yield from labels_alone(of, 2 * steps)
    yield of.by_a_tenth("template global", matcher("global"))
    sources = {"blobs": of.blobs_as_labels(for_every_class)}
    sources |= {name: matches_as_labels(of, one) for name, one in MATCHES.items()}
    for name, proposals in sources.items():
        yield from with_proposals(of, name, proposals, steps, ON_LABELS)


def templates(seed, steps):
    """Yield the same with density maps: alone, and before a tenth of the labels."""
    of = Phantoms(seed)
    yield of.by_a_tenth("template local", matcher("local"))
    yield from labels_alone(of, 2 * steps)
    name = "local matches .4, one a place"
    sources = matches_as_labels(of, MATCHES[name])
    yield from with_proposals(of, name, sources, steps, BACKGROUND)


if __name__ == "__main__":
    write_seeds(
        __doc__, templates, steps=200, others={"choices": choices, "counts": counts}
    )
