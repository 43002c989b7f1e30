"""What an environment is to be brought to: a release with its parameters and settings. Asks AWS nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.deploy.airflow import airflow_variable
from infra.deploy.environment_file import EnvironmentFile
from infra.deploy.errors import DeployError
from infra.deploy.releases import release_settings
from infra.deploy.releases.release import Release
from infra.deploy.stacks import stack_parameters

# Given in [pipeline], and good for the other templates too.
_SHARED = ("CrmSecretArn", "PermissionsBoundaryArn")
# What the pipeline stack will tell, before it exists: good enough to check the settings by.
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
    """A release in an environment.

    :param checked_out: the release of the checked-out commit; the environment file may use its names even where an
        older `release` does not know them
    """

    environment: EnvironmentFile
    release: Release
    checked_out: Release

    @property
    def is_rollback(self) -> bool:
        """Whether another release than the checked-out commit's is deployed."""
        return self.release.commit != self.checked_out.commit

    @property
    def scheduler(self) -> str | None:
        """The kind of the second stack, None when Airflow is somebody else's."""
        kind = self.environment.orchestrator
        return None if kind == "none" else kind

    def template(self, kind: str) -> str:
        """A template's text. Raises DeployError when the release has none of that kind."""
        name = f"infra/{kind}.yaml"
        if name not in self.release.files:
            raise DeployError(f"release {self.release.commit[:12]} has no {name}; deploy one that has")
        return self.release.text(name)

    def pipeline_parameters(self) -> stack_parameters.ChosenParameters:
        """Parameters of the pipeline stack."""
        tool_values = {
            "NamePrefix": self.environment.name_prefix,
            "ArtifactsPrefix": f"{self.release.prefix}/jobs",
        }
        # Only Airflow counts runs; the workflow's stack has an alarm of its own.
        unless_given = {"LateAfterHours": "0"} if self.environment.orchestrator == "workflow" else {}
        return self._choose("pipeline", tool_values, unless_given)

    def scheduler_parameters(
        self, kind: str, outputs: Mapping[str, str], keys: Mapping[str, str]
    ) -> stack_parameters.ChosenParameters:
        """Parameters of the second stack.

        :param outputs: of the pipeline stack
        :param keys: `PluginsKey` and `RequirementsKey`
        """
        tool_values = {"NamePrefix": self.environment.name_prefix, **keys}
        tool_values |= {name: outputs[name] for name in stack_parameters.TOOL_PARAMETERS if name in outputs}
        shared = {k: v for k, v in self.environment.parameters["pipeline"].items() if k in _SHARED}
        return self._choose(kind, tool_values, {**shared, **outputs})

    def variable(self, outputs: Mapping[str, str]) -> dict[str, Any]:
        """The Airflow Variable. Raises DeployError when the release's own code finds fault with it."""
        document = airflow_variable.build_document(
            self.environment.settings, outputs, self._known_settings, self._newer_settings
        )
        release_settings.parse(self.release, document)
        return document

    @cached_property
    def _known_settings(self) -> frozenset[str]:
        """Settings that the release knows. Asked once, for each time a program is started."""
        return release_settings.names(self.release)

    @cached_property
    def _newer_settings(self) -> frozenset[str]:
        """Settings that the checked_out code knows, when the release may be older."""
        return release_settings.names(self.checked_out) if self.is_rollback else frozenset()

    def validate(self) -> None:
        """Find what is wrong with parameters and settings before anything is changed. Raises DeployError."""
        self.pipeline_parameters()
        if self.scheduler:
            self.scheduler_parameters(self.scheduler, _PLACEHOLDER_OUTPUTS, self.release_keys())
        if self.scheduler != "workflow":
            self.variable(_PLACEHOLDER_OUTPUTS)

    def release_keys(self) -> dict[str, str]:
        """Where this release's own files for Airflow lie."""
        prefix = self.release.prefix
        return {"PluginsKey": f"{prefix}/plugins.zip", "RequirementsKey": f"{prefix}/requirements.txt"}

    def _choose(
        self, kind: str, tool_values: Mapping[str, str], outputs: Mapping[str, str]
    ) -> stack_parameters.ChosenParameters:
        newer = (
            stack_parameters.declared_parameters(self.checked_out.text(f"infra/{kind}.yaml"))
            if self.is_rollback
            else {}
        )
        given = self.environment.parameters[kind]
        return stack_parameters.choose_parameters(kind, self.template(kind), given, tool_values, outputs, newer)
