"""The desired state of an environment: a release, its parameters and its settings. Makes no AWS calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.deploy.airflow import airflow_variable, dag_options
from infra.deploy.environment_file import EnvironmentFile
from infra.deploy.errors import DeployError
from infra.deploy.releases import release_settings
from infra.deploy.releases.release import Release
from infra.deploy.stacks import stack_parameters

# Parameters in [pipeline] that the other templates take as well.
_SHARED = ("CrmSecretArn", "PermissionsBoundaryArn")
# Stand for the outputs of the pipeline stack, so that settings can be validated before it exists.
_PLACEHOLDER_OUTPUTS = {
    "ActivityBucketName": "activity",
    "OutputBucketName": "output",
    "ArtifactsBucketName": "artifacts",
    "ScoreJobName": "score-users",
    "PushJobName": "push-scores",
    "NotificationTopicArn": "arn:aws:sns:us-east-1:123456789012:notifications",
    "MetricsNamespace": "Engagement/engagement",
    "OrchestratorPolicyArn": "arn:aws:iam::123456789012:policy/orchestrator",
    "KeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
}


@dataclass(frozen=True)
class DeployTarget:
    """A release and the environment that it is deployed to.

    :param checked_out: the release of the checked-out commit; the environment file may contain names that this one
        knows and an older `release` does not
    """

    environment: EnvironmentFile
    release: Release
    checked_out: Release

    @property
    def is_rollback(self) -> bool:
        """Whether `release` is not that of the checked-out commit."""
        return self.release.commit != self.checked_out.commit

    @property
    def scheduler(self) -> str | None:
        """The kind of the orchestrator's stack; None when the tool deploys no orchestrator."""
        kind = self.environment.orchestrator
        return None if kind == "none" else kind

    def template(self, kind: str) -> str:
        """Return the text of a template.

        :raises DeployError: when the release does not contain it
        """
        name = f"infra/{kind}.yaml"
        if name not in self.release.files:
            raise DeployError(f"release {self.release.commit[:12]} does not contain {name}; deploy a release that does")
        return self.release.text(name)

    def pipeline_parameters(self) -> stack_parameters.ChosenParameters:
        """Return the parameters of the pipeline stack."""
        tool_values = {
            "NamePrefix": self.environment.name_prefix,
            "ArtifactsPrefix": f"{self.release.prefix}/jobs",
        }
        # This alarm needs Airflow's metrics; the workflow's stack has its own alarm.
        defaults = {"LateAfterHours": "0"} if self.environment.orchestrator == "workflow" else {}
        return self._choose("pipeline", tool_values, defaults)

    def scheduler_parameters(
        self, kind: str, outputs: Mapping[str, str], keys: Mapping[str, str]
    ) -> stack_parameters.ChosenParameters:
        """Return the parameters of the orchestrator's stack.

        :param outputs: outputs of the pipeline stack
        :param keys: values of `PluginsKey` and `RequirementsKey`
        """
        tool_values = {"NamePrefix": self.environment.name_prefix, **keys}
        tool_values |= {name: outputs[name] for name in stack_parameters.TOOL_PARAMETERS if name in outputs}
        shared = {k: v for k, v in self.environment.parameters["pipeline"].items() if k in _SHARED}
        return self._choose(kind, tool_values, {**shared, **outputs})

    def variable(self, outputs: Mapping[str, str]) -> dict[str, Any]:
        """Return the Airflow Variable.

        :param outputs: outputs of the pipeline stack
        :raises DeployError: when the release's own code rejects a setting
        """
        document = airflow_variable.build_document(
            self.environment.settings, outputs, self._known_settings, self._newer_settings
        )
        release_settings.parse(self.release, document)
        return document

    def dag_options(self) -> dict[str, str]:
        """Return the options of section [engagement] of Airflow's configuration.

        Table [mwaa] of the environment file sets them, for the orchestrator "none" too.
        """
        parameters = self.scheduler_parameters("mwaa", _PLACEHOLDER_OUTPUTS, self.release_keys())
        return dag_options.read_options(self.template("mwaa"), parameters.values)

    @cached_property
    def _known_settings(self) -> frozenset[str]:
        """Settings that the release knows; cached, because finding out starts a process."""
        return release_settings.names(self.release)

    @cached_property
    def _newer_settings(self) -> frozenset[str]:
        """Settings that the checked-out code knows; empty unless the release is another one."""
        return release_settings.names(self.checked_out) if self.is_rollback else frozenset()

    def validate(self) -> None:
        """Check parameters and settings before anything is changed.

        :raises DeployError: when one is invalid
        """
        self.pipeline_parameters()
        if self.scheduler:
            self.scheduler_parameters(self.scheduler, _PLACEHOLDER_OUTPUTS, self.release_keys())
        if self.scheduler != "workflow":
            self.variable(_PLACEHOLDER_OUTPUTS)
            self.dag_options()

    def release_keys(self) -> dict[str, str]:
        """Return the keys of this release's own files for MWAA, by template parameter."""
        prefix = self.release.prefix
        return {"PluginsKey": f"{prefix}/plugins.zip", "RequirementsKey": f"{prefix}/requirements.txt"}

    def _choose(
        self, kind: str, tool_values: Mapping[str, str], outputs: Mapping[str, str]
    ) -> stack_parameters.ChosenParameters:
        newer: dict[str, dict[str, Any]] = {}
        if self.is_rollback:
            newer = stack_parameters.declared_parameters(self.checked_out.text(f"infra/{kind}.yaml"))
        given = self.environment.parameters[kind]
        return stack_parameters.choose_parameters(kind, self.template(kind), given, tool_values, outputs, newer)
