"""How fast, and with how much memory: one table of one run, on a CPU.

python tests/benchmarks/performance.py
python tests/benchmarks/performance.py --parts raw_file,program --output results.json
python tests/benchmarks/performance.py --table docs/performance/*.json
python tests/benchmarks/performance.py --pages

Each part is a process of its own, and is written when it ends: one that fails takes no
other down, and can be measured again by itself, into the same file. --pages writes the
table of the last machines into docs/performance.md, and five of its lines into the
README. Let the machine do nothing else. For GPUs see gpu.py.
"""

import argparse
import importlib
import json
import os
import platform
import re
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

# The repository need not be installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from apart import run_apart
from on_cpu.pages import write_pages
from on_cpu.table import (
    PROGRAM,
    Part,
    Report,
    Row,
    markdown,
    read_report,
    write_report,
)
from records import ROOT, code

from picker.machine.memory import keep_freed_memory
from picker.machine.signals import Interrupted, interrupted_by_signals

LIMIT = 3600.0
"""Seconds that a part may take."""
PARTS = {
    "prediction": "Prediction: a stored copy to candidates on disk, one view",
    "raw_file": "A raw file to candidates on disk, preprocessing included, one view",
    "preprocessing": "`picker preprocess`, 10 tomograms against 2, each with a slab",
    "program": "`picker predict` as a program",
    "training": "Training: small network, two labeled patches of 48×64×64",
    "planning": "Planning: dry runs of Snakemake",
}
"""The modules of on_cpu/ that measure them, with what they measure."""
LIBRARIES = ("torch", "numpy", "zarr", "monai", "snakemake")


def machine():
    """Return processor, threads, memory and versions."""
    import torch

    from picker.machine.precision import choose_precision

    about = Path("/proc/cpuinfo")
    text = about.read_text() if about.exists() else ""
    named = re.search(r"(?m)^model name\s*: (.+)$", text)
    processor = named[1] if named else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": re.sub(r"\s+", " ", re.sub(r"\((R|TM)\)", "", processor)).strip(),
        "AMX": choose_precision("auto", torch.device("cpu")).is_half,
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)),
        "memory [GB]": round(memory / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def file_of(where):
    """Return the file of a machine, which measuring it again replaces."""
    known = Report(toy=False, machine=where).label
    return ROOT / f"docs/performance/{re.sub('[^a-z0-9]+', '-', known.lower())}.json"


def run(arguments, report):
    """Measure the chosen parts, and write the report after each."""
    load = os.getloadavg()[0]
    command = shlex.join(["python", PROGRAM, *sys.argv[1:]])
    for name in arguments.parts:
        found = []

        def tell(values, found=found):
            if "reason" in values:
                found.append(values["reason"])
                return
            row = Row(**values | {"rounds": tuple(values["rounds"])})
            print(f"{row.name}: {row}", flush=True)
            found.append(row)

        begin = time.monotonic()
        print(f"{PARTS[name]}", flush=True)
        reason = measure_apart(name, arguments, tell)
        reason = next((text for text in found if isinstance(text, str)), reason)
        part = Part(
            title=PARTS[name],
            command=command,
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            code=code(),
            load=round(load, 2),
            seconds=round(time.monotonic() - begin, 1),
            rows=tuple(row for row in found if isinstance(row, Row)),
            reason=reason,
        )
        if reason:
            print(f"failed: {reason}", flush=True)
        parts = report.parts | {name: part}
        report = replace(report, parts={n: parts[n] for n in PARTS if n in parts})
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_report(arguments.output, report)
    print("\n" + markdown([report]))
    return any(report.parts[name].reason for name in arguments.parts)


def measure_apart(name, arguments, tell):
    """Measure a part in a process of its own; return why it failed, or nothing."""
    folder = Path(tempfile.mkdtemp(prefix="performance-"))
    words = [sys.executable, __file__, "--child", name, "--folder", folder]
    words += ["--tomograms", *arguments.tomograms]
    words += ["--full"] if arguments.full else []
    words += ["--toy"] if arguments.toy else []
    try:
        return run_apart(words, LIMIT, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def child(arguments):
    """Measure a part and print its rows; an error is told in the same way."""
    from on_cpu.part import Job

    job = Job(
        folder=arguments.folder,
        full=arguments.full,
        toy=arguments.toy,
        tomograms=tuple(arguments.tomograms),
    )
    try:
        for row in importlib.import_module(f"on_cpu.{arguments.child}").rows(job):
            print(json.dumps(asdict(row)), flush=True)
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"reason": f"{type(error).__name__}: {str(error)[-500:]}"}))
        return 1
    return 0


def earlier(path, report):
    """Return what a file already has of this machine; without a file, nothing.

    Raises
    ------
    ValueError
        If the file is something else's, or another machine's.
    """
    if not path.exists():
        return report
    known = read_report(path)
    for name, value in asdict(report).items():
        if name != "parts" and asdict(known)[name] != value:
            raise ValueError(
                f"{path} has {name} {asdict(known)[name]}; expected {value}, this"
                " run's: name another file, or delete it"
            )
    return known


def parts(text):
    """Return the names in a list such as `raw_file,training`."""
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"there is no part {', '.join(unknown)}; expected some of {','.join(PARTS)}"
        )
    return names


def parsed():
    """Return the parser and its arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--output", type=Path, help="JSON to write; default: docs/performance/<machine>"
    )
    what.add_argument("--table", type=Path, nargs="+", help="show such files")
    what.add_argument("--pages", action="store_true", help="write table and README")
    parser.add_argument("--parts", type=parts, default=list(PARTS))
    parser.add_argument(
        "--full", action="store_true", help="the full-size network too, minutes more"
    )
    parser.add_argument(
        "--tomograms", type=int, nargs="+", default=[500, 5000], help="that are planned"
    )
    parser.add_argument("--toy", action="store_true", help="tiny, to test the command")
    for word, kind in (("child", str), ("folder", Path)):
        parser.add_argument(f"--{word}", type=kind, help=argparse.SUPPRESS)
    return parser, parser.parse_args()


def main():
    parser, arguments = parsed()
    if arguments.child:
        keep_freed_memory()  # as the verbs do
        return child(arguments)
    try:
        if arguments.pages:
            write_pages(ROOT)
            return 0
        if arguments.table:
            print(markdown([read_report(path) for path in arguments.table]), end="")
            return 0
        if arguments.toy and not arguments.output:
            parser.error("--toy needs --output: its figures are no machine's")
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        where = machine()
        arguments.output = arguments.output or file_of(where)
        report = Report(toy=arguments.toy, machine=where)
        if arguments.parts != list(PARTS):
            report = earlier(arguments.output, report)
    except ValueError as error:
        parser.error(str(error))
    try:
        with interrupted_by_signals():  # its parts end with it
            return run(arguments, report)
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return stopped.exit_status


if __name__ == "__main__":
    sys.exit(main())
