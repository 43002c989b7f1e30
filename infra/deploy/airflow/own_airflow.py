"""What to do in an Airflow that the tool does not deploy, written so that it can be copied from the output."""

import json
from collections.abc import Mapping

from infra.deploy.airflow.dag_options import SECTION
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.progress_log import ProgressLog


def write_instructions(target: DeployTarget, progress: ProgressLog, outputs: Mapping[str, str]) -> None:
    """Write each step, and the configuration and the Variable in full.

    :param outputs: outputs of the pipeline stack
    """
    options = target.dag_options()
    folder = f"s3://{outputs['ArtifactsBucketName']}/{target.release.prefix}"
    for step in (
        f"attach the policy {outputs['OrchestratorPolicyArn']} to its role, or to the role of its AWS connection",
        f"install the packages in {folder}/requirements.txt on all its components",
        f"unpack {folder}/plugins.zip into its plugins folder, and restart its components",
        f"copy {folder}/dags/ into its DAGs folder",
        f"create the pool: airflow pools set {options['pool']} 1 'One Glue job at a time' --include-deferred",
        "add this section to airflow.cfg, or set its options as environment variables such as "
        f"AIRFLOW__{SECTION.upper()}__TIMEZONE. Table [mwaa] of the environment file changes the values:",
    ):
        progress.write(f"for your Airflow: {step}")
    progress.write_text("\n".join([f"[{SECTION}]", *(f"{k} = {v}" for k, v in options.items())]))
    progress.write(
        "for your Airflow: save this text as variable.json, then run: airflow variables set engagement "
        '"$(cat variable.json)"'
    )
    progress.write_text(json.dumps(target.variable(outputs), indent=2, sort_keys=True))
