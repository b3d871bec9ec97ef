"""What only a GPU can tell, in one command: accuracy, speed, and checks.

python tests/benchmarks/gpu.py --output results.json
python tests/benchmarks/gpu.py --output results.json --sections speed --minutes 4
python tests/benchmarks/gpu.py --table results.json

It makes its data itself, needs no network, and ends in time: what does not fit is
measured with less or skipped, and the results say so. The JSON is written again after
each result. Each section is a process of its own, so that one that dies takes no other
down. With --toy everything is tiny: that tests the script, also on a CPU.
"""

import argparse
import importlib
import os
import shlex
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

# A bare machine has a copy of the repository, which is not installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from apart import run_apart
from on_gpu.results import Report, Result, markdown, read_report, write_report
from records import code, output_of

from picker.machine.memory import keep_freed_memory
from picker.machine.signals import Interrupted, interrupted_by_signals

SECTIONS = {"checks": 2.0, "speed": 3.0, "micrographs": 3.0, "accuracy": 5.0}
"""In this order, with their shares of the time. What one leaves is the next one's, and
the last one trains as long as there is time."""
AT_END = 15.0
"""Seconds that a section gets beyond its share to end by itself."""


def machine():
    """Return GPU, driver and versions; None for what there is not."""
    import torch

    there = torch.cuda.is_available()
    query = "--query-gpu=driver_version"
    driver = output_of("nvidia-smi", query, "--format=csv,noheader") if there else None
    memory = torch.cuda.get_device_properties(0).total_memory if there else 0
    return {
        "GPU": torch.cuda.get_device_name(0) if there else None,
        "GPUs": torch.cuda.device_count() if there else 0,
        "GPU memory [GiB]": round(memory / 2**30, 1) if there else None,
        "driver": driver.splitlines()[0] if driver else None,
        "torch": torch.__version__,
        "CUDA": torch.version.cuda if there else None,
        "cuDNN": torch.backends.cudnn.version() if there else None,
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
    }


def run_section(name, seconds, arguments, add):
    """Run a section in a process of its own; give each of its results to `add`."""
    folder = Path(tempfile.mkdtemp(prefix="gpu-"))
    words = [sys.executable, __file__, "--output", arguments.output, "--child", name]
    words += ["--seconds", str(seconds), "--folder", folder]
    words += ["--toy"] if arguments.toy else []
    try:
        reason = run_apart(
            words, seconds, lambda found: add(Result(**found)), grace=AT_END
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if reason:
        add(
            Result(section=name, table="end", name=name, status="failed", reason=reason)
        )


def run(arguments, where):
    """Run the chosen sections and write the report after each result."""
    end = time.monotonic() + 60 * arguments.minutes - AT_END
    report = Report(
        command=shlex.join(["python", "tests/benchmarks/gpu.py", *sys.argv[1:]]),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        minutes=arguments.minutes,
        toy=arguments.toy,
        code=code(),
        machine=where,
    )
    write_report(arguments.output, report)

    def add(result):
        nonlocal report
        report = report.with_result(result)
        write_report(arguments.output, report)
        values = " ".join(f"{k}={v}" for k, v in result.values.items())
        words = (result.section, result.table, result.name, result.status, values)
        print(" | ".join(filter(None, (*words, result.reason))), flush=True)

    chosen = [name for name in SECTIONS if name in arguments.sections]
    for i, name in enumerate(chosen):
        shares = [SECTIONS[other] for other in chosen[i:]]
        left = end - time.monotonic()
        run_section(name, max(left, 1) * shares[0] / sum(shares), arguments, add)
    print("\n" + markdown(report))
    return any(result.status == "failed" for result in report.results)


def sections(text):
    """Return the names in a list such as `speed,checks`."""
    names = text.split(",")
    if unknown := [name for name in names if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(
            f"there is no section {', '.join(unknown)}; expected some of"
            f" {','.join(SECTIONS)}"
        )
    return names


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--output", type=Path, help="JSON to write")
    what.add_argument("--table", type=Path, help="print such a JSON as Markdown")
    parser.add_argument("--sections", type=sections, default=list(SECTIONS))
    parser.add_argument("--minutes", type=float, default=10, help="for all of it")
    parser.add_argument("--toy", action="store_true", help="tiny, to test the script")
    for word, kind in (("child", str), ("seconds", float), ("folder", Path)):
        parser.add_argument(f"--{word}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.table:
        try:
            print(markdown(read_report(arguments.table)), end="")
        except ValueError as error:
            parser.error(str(error))
        return 0
    if arguments.minutes <= 0:
        parser.error(f"--minutes is {arguments.minutes:g}; expected more than 0")
    if not arguments.child:
        where = machine()
        if not where["GPUs"] and not arguments.toy:
            parser.error("torch finds no GPU; expected one, or --toy")
        try:
            with interrupted_by_signals():  # its sections end with it
                return run(arguments, where)
        except Interrupted as stopped:
            print(stopped, file=sys.stderr)
            return stopped.exit_status
    keep_freed_memory()  # as the verbs do
    from on_gpu.section import Section

    importlib.import_module(f"on_gpu.{arguments.child}").run(
        Section(
            name=arguments.child,
            folder=arguments.folder,
            seconds=arguments.seconds,
            toy=arguments.toy,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
