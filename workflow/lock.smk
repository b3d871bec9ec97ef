# Whose run this is. After `kill -9` Snakemake's lock stays; where its owner is seen to
# be dead it is taken away, so that the same command goes on. Its jobs go on if they have
# begun to work; the others are cancelled.
import atexit
import contextlib
import os
import socket

import psutil

from picker.claim import is_alive
from picker.orphans import cancel_idle_orphans
from picker.whole import written_whole

RUN = Path("results/run.json")
LOCKS = Path(".snakemake/locks")
STARTED = Path(".snakemake/started")
ME = {
    "host": socket.gethostname(),
    "pid": os.getpid(),
    "started": psutil.Process().create_time(),
}
MINE = STARTED / f"{ME['host']}.{ME['pid']}.json"


def say_who_may_lock():
    """Leave word of this process before it locks, until it ends other than killed."""
    STARTED.mkdir(parents=True, exist_ok=True)
    with written_whole(MINE) as temporary:
        temporary.write_text(json.dumps(ME))
    # Snakemake goes back to the folder that it was called from before it ends.
    atexit.register(MINE.absolute().unlink, missing_ok=True)


def others_who_may_lock():
    """Return what other runs that started here, and were not seen to end, said."""
    found = []
    for path in STARTED.glob("*.json"):
        with contextlib.suppress(FileNotFoundError):  # it ended just now
            found.append(json.loads(path.read_text()))
    return [run for run in found if run != ME]


def record_run():
    """Write who runs what, for the next run and for `picker status`.

    Snakemake calls it while it holds the lock: who else left word does not.
    """
    for path in STARTED.glob("*.json"):
        path.unlink(missing_ok=True)
    say_who_may_lock()
    text = json.dumps(
        ME
        | {
            "method": METHOD,
            "tomograms": len(rows),
            "noisy": FEEDBACK == "labeled",
            "evaluated": truth_is_known(),
            "targets": list(settings.export.targets),
            "shards": {shard: len(members) for shard, members in SHARDS.items()},
        }
    )
    with written_whole(RUN) as temporary:
        temporary.write_text(text)


def last_run():
    """Return what the last run wrote of itself, if there was one."""
    return json.loads(RUN.read_text()) if RUN.exists() else None


def is_over(run):
    """Return whether a run is known to have ended; one on another host never is."""
    here = run["host"] == ME["host"]
    return here and not is_alive(run["pid"], run.get("started"))


def remove_lock_of_the_dead():
    """Remove Snakemake's lock if whoever may have taken it is known to be over."""
    locks = [path for path in LOCKS.glob("*.lock")] if LOCKS.is_dir() else []
    runs = others_who_may_lock()
    if not locks or not runs:
        return
    for run in runs:
        if not is_over(run):
            if run["host"] != ME["host"]:
                logger.info(
                    f"This folder is locked by {named(run)}."
                    " If that is gone: snakemake --unlock"
                )
            return
    for path in locks:
        path.unlink(missing_ok=True)
    who = ", ".join(map(named, runs))
    logger.info(f"The run before ({who}) was killed: its lock is removed.")


def named(run):
    """Return what a person can look for."""
    return f"process {run['pid']} on {run['host']}"


def cancel_orphans():
    """Cancel what the last run, known to be over, left waiting in Slurm's queue."""
    run = last_run()
    if run is None or not is_over(run) or workflow.output_settings.dryrun:
        return
    cancelled, going_on = cancel_idle_orphans(Path(), RUN.parent)
    if cancelled or going_on:
        logger.info(
            f"Of its jobs in the queue {cancelled} not at work are cancelled,"
            f" {going_on} go on."
        )


if IS_MAIN:
    if not workflow.output_settings.dryrun:
        say_who_may_lock()
    remove_lock_of_the_dead()
    # Not under a run that is alive, whose jobs and manifests these are.
    if not any(LOCKS.glob("*.lock")):
        cancel_orphans()
        forget_untrue_manifests(Path(path) for path in every_manifest())
