# Files of settings must have one meaning: Snakemake's parsers use the last of equal keys.
from pathlib import Path

from snakemake.exceptions import WorkflowError

from picker.core.messages import printable
from picker.config.strict import check_settings_file

if workflow.is_main_process:
    # Those of `--configfile` and of a project's own Snakefile, which Snakemake has read by
    # now, and the one loaded next: reading a pipe would never end.
    for path in {*workflow.configfiles, *workflow.overwrite_configfiles, "config.yaml"}:
        try:
            if Path(path).is_file():
                check_settings_file(Path(path))
            elif path == "config.yaml" and Path(path).exists():
                raise ValueError(f"{path} is no file; expected one of settings, fix it")
        except ValueError as error:
            raise WorkflowError(printable(str(error)))
