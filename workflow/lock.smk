# Whose run this is. After `kill -9` Snakemake's lock stays; where its owner is seen to
# be dead it is taken away, so that the same command goes on.
import os
import socket

import psutil

from picker.claim import is_alive
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


def remove_lock_of_the_dead():
    """Remove Snakemake's lock if the run that took it is known to be over."""
    locks = [path for path in LOCKS.glob("*.lock")] if LOCKS.is_dir() else []
    if not locks or not RUN.exists():
        return
    owner = json.loads(RUN.read_text())
    since = RUN.stat().st_mtime
    who = f"process {owner['pid']} on {owner['host']}"
    if any(path.stat().st_mtime > since + 5 for path in locks):
        return  # taken by a run that has not said who it is
    if owner["host"] != socket.gethostname():
        logger.info(
            f"This folder is locked by {who}. If that is gone: snakemake --unlock"
        )
        return
    if not is_alive(owner["pid"], owner.get("started")):
        for path in locks:
            path.unlink(missing_ok=True)
        logger.info(f"The run before ({who}) was killed: its lock is removed.")


if IS_MAIN:
    remove_lock_of_the_dead()
    # Not under a run that is alive, whose manifests these are.
    if not any(LOCKS.glob("*.lock")):
        forget_untrue_manifests(Path(path) for path in every_manifest())
