# Whose run this is. After `kill -9` Snakemake's lock stays; where its owner is seen to
# be dead it is taken away, so that the same command goes on. Its jobs go on if they have
# begun to work; the others are cancelled.
import atexit
import contextlib
import os
import socket

import psutil

from picker.project.claims import is_alive
from picker.project.orphans import cancel_idle_orphans
from picker.verbs.common import read_as
from picker.verbs.status import Plan
from picker.core.whole import written_whole

RUN = Path("results/run.json")
LOCKS = Path(".snakemake/locks")
STARTED = Path(".snakemake/started")
# A dry run, and what else looks on, writes and deletes nothing.
LOOKS = {"--summary", "-S", "--detailed-summary", "-D", "--list-changes", "--lc"}
LOOKS |= {"--dag", "--rulegraph", "--filegraph", "--d3dag", "--lint", "--list", "-l"}
LOOKS_ON = workflow.output_settings.dryrun or not LOOKS.isdisjoint(sys.argv)
ME = {
    "host": socket.gethostname(),
    "pid": os.getpid(),
    "started": psutil.Process().create_time(),
}
MINE = STARTED / f"{ME['host']}.{ME['pid']}.{ME['started']:.0f}.run"


def say_who_may_lock():
    """Leave word of this process before it locks, until it ends other than killed.

    An empty file, whose name says it all; one that is at work has text. Without it this
    one's lock stays if it is killed; so a folder that cannot be written, in which it
    cannot lock either, is no error.
    """
    # Snakemake goes back to the folder that it was called from before it ends.
    atexit.register(MINE.absolute().unlink, missing_ok=True)
    with contextlib.suppress(OSError):
        STARTED.mkdir(parents=True, exist_ok=True)
        MINE.touch()


def others_who_may_lock():
    """Return word of other runs that started here and did not end by themselves."""
    found = {}
    for path in set(STARTED.glob("*.run")) - {MINE}:
        with contextlib.suppress(OSError, ValueError):  # it ended just now; a stranger
            host, pid, started = path.stem.rsplit(".", 2)
            found[path] = {
                "host": host,
                "pid": int(pid),
                "started": float(started),
                "is_at_work": path.stat().st_size > 0,
            }
    return found


def record_run():
    """Write who runs what, for the next run and for `picker status`."""
    text = json.dumps(
        ME
        | {
            "method": METHOD,
            "stages": [stage.name for stage in METHODS[METHOD].stages],
            "tomograms": len(rows),
            "noisy": FEEDBACK == "labeled",
            "evaluated": truth_is_known(),
            "targets": list(settings.export.targets),
            "shards": {shard: len(members) for shard, members in SHARDS.items()},
        }
    )
    with written_whole(RUN) as temporary:
        temporary.write_text(text)
    with contextlib.suppress(OSError):
        MINE.write_text("at work\n")


def last_run():
    """Return what the last run wrote of itself, if there was one and it can be read."""
    try:
        return read_as(RUN, Plan, "what a run says of itself").model_dump()
    except (FileNotFoundError, ValueError):
        return None


def is_over(run):
    """Return whether a run is known to have ended; one on another host never is."""
    here = run["host"] == ME["host"] and run["pid"] is not None
    return here and not is_alive(run["pid"], run.get("started"))


def is_in_use():
    """Return whether a run may be at work here; remove the lock of one that is over.

    A lock does not say whose it is, several that share no file may go on at once, and
    the first of these to end takes all locks with it: so whoever left word may have
    taken it, and whoever is at work is believed without. Locks are looked for first,
    for word is older.
    """
    locks = [path for path in LOCKS.glob("*.lock")] if LOCKS.is_dir() else []
    runs = others_who_may_lock()
    living = [run for run in runs.values() if not is_over(run)]
    if any(run["is_at_work"] for run in living) or (locks and (living or not runs)):
        who = ", ".join(map(named, living)) or "a run that left no word"
        logger.info(
            f"In this folder {who} is at work. If that is gone: snakemake --unlock"
        )
        return True
    if locks:
        who = ", ".join(map(named, runs.values()))
        logger.info(
            f"The run before ({who}) was killed: its lock is removed."
            if not LOOKS_ON
            else f"The run before ({who}) was killed: the next removes its lock."
            " What Snakemake says of it below holds for this dry run alone."
        )
    if not LOOKS_ON:
        for path in [*locks, *(path for path, run in runs.items() if is_over(run))]:
            path.unlink(missing_ok=True)
    return False


def named(run):
    """Return what a person can look for."""
    return f"process {run['pid']} on {run['host']}"


def cancel_orphans():
    """Cancel what the last run, known to be over, left waiting in Slurm's queue."""
    run = last_run()
    if run is None or not is_over(run) or LOOKS_ON:
        return
    cancelled, going_on = cancel_idle_orphans(Path(), RUN.parent)
    if cancelled or going_on:
        logger.info(
            f"Of its jobs in the queue {cancelled} not at work are cancelled,"
            f" {going_on} go on."
        )


def forget_untrue_manifests():
    """Delete the manifests that no longer say what is so; their shards run again.

    Who looks on plans it, by `version_of`, and deletes nothing.
    """
    try:
        untrue = untrue_manifests(map(Path, every_manifest()))
    except FileNotFoundError as error:
        raise WorkflowError(str(error))
    if not LOOKS_ON:
        for path in untrue:
            path.unlink(missing_ok=True)
    elif untrue:
        UNTRUE.update(map(str, untrue))
        logger.info(
            f"{len(untrue)} manifests name files that are gone or were changed; their"
            f" shards run again: {', '.join(sorted(UNTRUE))}"
        )


if IS_MAIN:
    if any(argument.startswith("--unl") for argument in sys.argv):
        for path in STARTED.glob("*.run"):  # a person says that nobody is at work
            path.unlink(missing_ok=True)
    else:
        if not LOOKS_ON:
            say_who_may_lock()
        # Not under a run that is alive, whose jobs and manifests these are.
        if not is_in_use():
            cancel_orphans()
            forget_untrue_manifests()
