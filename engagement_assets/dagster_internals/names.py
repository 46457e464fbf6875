"""Names that Dagster uses but does not export: tags and statuses of a run, why it failed, the target of a check's result.

Tags are part of what users see and filter by, and have not changed; were one renamed, runs of a range would build one day.
The target is needed to tell check results per partition (`pipeline.publication` says why).
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.events import RunFailureReason as RunFailureReason
from dagster._core.execution.plan.objects import ErrorSource as ErrorSource
from dagster._core.execution.plan.objects import StepFailureData as StepFailureData
from dagster._core.storage.dagster_run import FINISHED_STATUSES, IN_PROGRESS_RUN_STATUSES, DagsterRunStatus
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG as ASSET_PARTITION_RANGE_END_TAG
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG as ASSET_PARTITION_RANGE_START_TAG
from dagster._core.storage.tags import PARTITION_NAME_TAG as PARTITION_NAME_TAG
from dagster._core.storage.tags import WILL_RETRY_TAG as WILL_RETRY_TAG

#: Statuses of a run that waits or is under way.
UNFINISHED = [DagsterRunStatus.QUEUED, *IN_PROGRESS_RUN_STATUSES]

#: Statuses of a run that has ended.
FINISHED = FINISHED_STATUSES
