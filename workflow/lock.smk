# Whose run this is. After `kill -9` Snakemake's lock stays; where its owner is seen to
# be dead it is taken away, so that the same command goes on. Its jobs go on if they have
# begun to work; the others are cancelled.
import os
import socket

import psutil

from picker.claim import is_alive
from picker.orphans import cancel_idle_orphans
from picker.whole import written_whole

RUN = Path("results/run.json")
LOCKS = Path(".snakemake/locks")


def record_run():
    """Write who runs what, for the next run and for `picker status`."""
    text = json.dumps(
        {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
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
    here = run["host"] == socket.gethostname()
    return here and not is_alive(run["pid"], run.get("started"))


def remove_lock_of_the_dead():
    """Remove Snakemake's lock if the run that took it is known to be over."""
    locks = [path for path in LOCKS.glob("*.lock")] if LOCKS.is_dir() else []
    owner = last_run()
    if not locks or owner is None:
        return
    since = RUN.stat().st_mtime
    who = f"process {owner['pid']} on {owner['host']}"
    if any(path.stat().st_mtime > since + 5 for path in locks):
        return  # taken by a run that has not said who it is
    if owner["host"] != socket.gethostname():
        logger.info(
            f"This folder is locked by {who}. If that is gone: snakemake --unlock"
        )
        return
    if is_over(owner):
        for path in locks:
            path.unlink(missing_ok=True)
        logger.info(f"The run before ({who}) was killed: its lock is removed.")


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
    remove_lock_of_the_dead()
    # Not under a run that is alive, whose jobs and manifests these are.
    if not any(LOCKS.glob("*.lock")):
        cancel_orphans()
        forget_untrue_manifests(Path(path) for path in every_manifest())
