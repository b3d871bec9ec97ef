"""Turn the benchmark's cells into the paper's tables (TSV) and figures (SVG)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from picker.core.files import write_text
from picker.formats.tables.tsv import text_of_rows
from picker.jobs.results import table_result
from picker.project.json_files import read_record
from picker.report.benchmark import (
    Cell,
    ablation_table,
    accuracy_table,
    draw_accuracy,
    draw_speed,
    particle_table,
    speed_table,
)

if TYPE_CHECKING:
    import argparse

TABLES = {
    "table1_accuracy": accuracy_table,
    "table2_particles": particle_table,
    "table3_ablation": ablation_table,
    "table4_speed": speed_table,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--cells", nargs="+", type=Path, required=True, help="JSON of each training"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder to fill")


def run(arguments: argparse.Namespace) -> object:
    """Write tables and figures."""
    cells = [
        read_record(path, TypeAdapter(Cell), "the record of a training")
        for path in arguments.cells
    ]
    files = {name: arguments.output / f"{name}.tsv" for name in TABLES}
    for name, table in TABLES.items():
        write_text(files[name], text_of_rows(table(cells), digits=3))
    write_text(arguments.output / "accuracy.svg", draw_accuracy(cells))
    write_text(arguments.output / "speed.svg", draw_speed(cells))
    return {
        "output": arguments.output,
        "tables": {name: table_result(file) for name, file in files.items()},
    }
