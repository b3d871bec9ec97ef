# Whose run this is: what one that was killed left behind is tidied, so that the same
# command continues.
from picker.project.locks import Workplace

WORKPLACE = Workplace(
    RESULTS, logger.info, sys.argv, dry_run=workflow.output_settings.dryrun
)
if IS_MAIN:
    try:
        STALE.update(WORKPLACE.enter(PLAN.every_manifest() + PLAN.cells_manifests()))
    except FileNotFoundError as error:
        raise WorkflowError(str(error))
