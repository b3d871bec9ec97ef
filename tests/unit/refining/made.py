"""Members of a vote that are made: what each finds of known particles, and junk."""

import numpy as np

from picker.config import CalibrateSettings, Particle, VoteSettings
from picker.core.picks import picks_from_arrays
from picker.refining.select import picks_apart
from picker.refining.vote import Ballot, vote
from picker.scoring.calibrate import calibrate
from picker.scoring.comparable import Scale, comparable_picks
from picker.scoring.match import pooled_counts

PARTICLE = Particle(name="ribosome", radius=60)
SIDE, NUMBER = 6000.0, 80


def picks(position, score=None):
    return picks_from_arrays(position, ["ribosome"] * len(position), score)


def tomograms(rng, number, chances, junk, powers):
    """Return tomograms: known particles and what each member found of them.

    `chances(rng)` gives each member's chances to find each particle, `junk` the numbers
    of its wrong candidates; scores are taken to `powers`, so that they do not compare.
    """
    made = []
    for _ in range(number):
        truth = rng.uniform(0, SIDE, (NUMBER, 3))
        members = []
        for chance, wrong, power in zip(chances(rng), junk, powers, strict=True):
            hit = truth[rng.random(NUMBER) < chance]
            place = [
                hit + rng.normal(0, 10, hit.shape),
                rng.uniform(0, SIDE, (wrong, 3)),
            ]
            score = [rng.beta(6, 3, len(hit)), rng.beta(2, 5, wrong)]
            members.append(picks(np.concatenate(place), np.concatenate(score) ** power))
        made.append((picks(truth), members))
    return made


def scored(known, tested):
    """Return F1 on tested candidates with the threshold of known ones, and a scale.

    Both are lists of pairs: known particles and candidates of one tomogram.
    """
    by_name = [{str(i): pair[k] for i, pair in enumerate(known)} for k in (1, 0)]
    chosen = calibrate(*by_name, (PARTICLE,), CalibrateSettings())["ribosome"]
    kept = {}
    for i, (_, found) in enumerate(tested):
        apart = picks_apart(found, PARTICLE.radius)
        kept[str(i)] = apart.select(apart.score >= chosen.threshold)
    truth = {str(i): pair[0] for i, pair in enumerate(tested)}
    scale = Scale(reliability=chosen.reliability, threshold=chosen.threshold)
    return pooled_counts(kept, truth, PARTICLE, 0.5).f(), scale


def of_members_and_vote(known, tested, **settings):
    """Return F1 of each member, and of their vote."""
    each, scales = [], []
    for m in range(len(known[0][1])):
        f, scale = scored(*([(t, f[m]) for t, f in part] for part in (known, tested)))
        each.append(f)
        scales.append({"ribosome": scale})
    names = ("supervised", "vnet", "fpn")[: len(each)]
    rules = VoteSettings(methods=dict.fromkeys(names, 1.0), **settings)

    def joined(found):
        ballots = [
            Ballot(found=comparable_picks(one, scale), weight=1.0)
            for one, scale in zip(found, scales, strict=True)
        ]
        return vote(ballots, [PARTICLE], rules)

    voted = ([(t, joined(f)) for t, f in part] for part in (known, tested))
    return each, scored(*voted)[0]
