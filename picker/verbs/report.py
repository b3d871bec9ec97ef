"""Show what ran, how training went, what was found and how good it is.

One page holds its pictures and loads nothing. It links to a folder of pages, one a
tomogram: to scroll through it, to move thresholds and to judge picks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from picker.config import (
    EvaluateSettings,
    PickSettings,
    ReportSettings,
    TomogramsSettings,
)
from picker.jobs.report import ReportFiles, write_report
from picker.jobs.results import failed_result
from picker.jobs.settings import read_particles, read_section
from picker.project.layout import Results
from picker.refining.offsets import WARNING
from picker.verbs.common import add_failed, add_settings

if TYPE_CHECKING:
    import argparse

NOTE = "Simulated phantom tomograms, not real data."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--method", required=True)
    parser.add_argument(
        "--picks", nargs="+", type=Path, required=True, help="manifests of picks"
    )
    parser.add_argument(
        "--candidates",
        nargs="+",
        type=Path,
        default=[],
        help="manifests of candidates, for the histograms",
    )
    parser.add_argument("--thresholds", type=Path, help="JSON; needs --candidates")
    parser.add_argument(
        "--tables", nargs="*", type=Path, default=[], help="training logs (TSV)"
    )
    parser.add_argument(
        "--evaluation",
        nargs="*",
        type=Path,
        default=[],
        help="metrics.json, curves.tsv and by_tomogram.tsv, where particles are known",
    )
    parser.add_argument(
        "--estimate", type=Path, help="TSV of precision and recall to expect elsewhere"
    )
    parser.add_argument(
        "--label-next", type=Path, help="TSV of tomograms to label next"
    )
    parser.add_argument("--regions", type=Path, help="TSV of regions to label next")
    parser.add_argument(
        "--reproducibility", type=Path, help="TSV of what both halves have"
    )
    parser.add_argument(
        "--halves",
        nargs="*",
        type=Path,
        default=[],
        help="manifests of the candidates of halves",
    )
    parser.add_argument(
        "--rounds", type=Path, help="TSV of rounds of answers, as picker review writes"
    )
    parser.add_argument(
        "--benchmarks",
        type=Path,
        help="folder of Snakemake's benchmark files, for times and memory",
    )
    parser.add_argument(
        "--results",
        help="folder of results, whose other methods are compared as they are now",
    )
    add_settings(parser, "all sections; shown on the page")
    parser.add_argument("--output", type=Path, required=True, help="HTML to write")
    parser.add_argument(
        "--pages",
        type=Path,
        required=True,
        help="folder of the tomograms' pages, beside the HTML; it is replaced",
    )
    add_failed(parser)


def run(arguments: argparse.Namespace) -> object:
    """Write the report."""
    if arguments.thresholds and not arguments.candidates:
        raise ValueError(
            "--thresholds needs --candidates, which say whose scores they cut; give"
            " their manifests too"
        )
    if arguments.pages and not arguments.thresholds:
        raise ValueError(
            "--pages needs --thresholds, which say what candidates are picks; give"
            " their JSON too"
        )
    tomograms = read_section(arguments.settings, "tomograms", TomogramsSettings)
    settings = read_section(arguments.settings, "report", ReportSettings)
    pick = read_section(arguments.settings, "pick", PickSettings)
    offset = pick.offsets.particles
    write_report(
        ReportFiles(
            picked=arguments.picks,
            predicted=arguments.candidates,
            thresholds=arguments.thresholds,
            training=arguments.tables,
            evaluation=arguments.evaluation,
            estimate=arguments.estimate,
            label_next=arguments.label_next,
            regions=arguments.regions,
            reproducibility=arguments.reproducibility,
            halves=arguments.halves,
            rounds=arguments.rounds,
            costs=arguments.benchmarks,
            settings=arguments.settings,
        ),
        arguments.output,
        arguments.method,
        read_particles(arguments.settings),
        pages=arguments.pages,
        max_pictures=settings.max_pictures,
        pick=pick,
        evaluate=read_section(arguments.settings, "evaluate", EvaluateSettings),
        table=tomograms.table if tomograms.source == "table" else None,
        results=Results(arguments.results) if arguments.results else None,
        notes=[
            *([NOTE] if tomograms.source == "simulate" else []),
            *([WARNING.format(", ".join(offset))] if offset else []),
        ],
        failed=arguments.failed,
    )
    return {
        "output": arguments.output,
        "pages": arguments.pages,
        "failed": failed_result(arguments.failed),
    }
