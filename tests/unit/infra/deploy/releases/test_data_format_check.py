"""Going back to a release that cannot read the data in S3 is refused."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from infra.deploy.deploy_target import DeployTarget
from infra.deploy.deployment import Deployment
from infra.deploy.deployment_plan import DeploymentPlan
from infra.deploy.environment_file import parse_environment
from infra.deploy.errors import DeployError
from infra.deploy.releases.data_format_check import deployed_data_format, refuse_older_data_format
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from tests.unit.infra.deploy.fakes import FakeFormation, FakeS3, client_error, quiet

NEW, DEPLOYED = "1a2b" * 10, "3c4d" * 10
FILES = {"plugins.zip": b"zip"}


def store(deployed_format: int) -> ReleaseStore:
    """Return a bucket that holds the deployed release; 0 means that its manifest has no data format."""
    releases = ReleaseStore(FakeS3(), "b")
    releases.upload(Release(DEPLOYED, FILES, deployed_format))
    return releases


@pytest.mark.parametrize(("data_format", "deployed_format"), [(1, 1), (2, 1), (1, 0), (0, 0)])
def test_the_same_or_a_higher_number_is_accepted(data_format: int, deployed_format: int) -> None:
    refuse_older_data_format(Release(NEW, FILES, data_format), DEPLOYED, store(deployed_format))


@pytest.mark.parametrize(("data_format", "deployed_format"), [(1, 2), (0, 1)])
def test_a_lower_number_is_refused_in_one_line(data_format: int, deployed_format: int) -> None:
    expected = (
        f"release 1a2b1a2b1a2b has data format {data_format}, but the deployed release 3c4d3c4d3c4d has "
        f"{deployed_format}: .* Nothing was changed. Deploy a release with data format {deployed_format} or higher"
    )
    with pytest.raises(DeployError) as raised:
        refuse_older_data_format(Release(NEW, FILES, data_format), DEPLOYED, store(deployed_format))
    assert re.match(expected, str(raised.value))
    assert "\n" not in str(raised.value)


def test_a_first_deployment_is_accepted() -> None:
    refuse_older_data_format(Release(NEW, FILES, 1), None, store(2))


def test_a_deployed_release_without_its_manifest_is_refused() -> None:
    with pytest.raises(DeployError, match="expected the manifest of the deployed release, got no object") as raised:
        refuse_older_data_format(Release(NEW, FILES, 1), DEPLOYED, ReleaseStore(FakeS3(), "b"))
    assert str(raised.value).startswith(f"s3://b/releases/{DEPLOYED}/release.json: ")
    assert f"check out {DEPLOYED} and deploy it" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unreadable_manifest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(**_: Any) -> None:
        raise client_error("AccessDenied")

    s3 = FakeS3()
    monkeypatch.setattr(s3, "get_object", deny)
    with pytest.raises(DeployError, match=r"got: An error occurred \(AccessDenied\).* Allow these") as raised:
        refuse_older_data_format(Release(NEW, FILES, 1), DEPLOYED, ReleaseStore(s3, "b"))
    assert str(raised.value).startswith(f"s3://b/releases/{DEPLOYED}/release.json: ")


def test_an_interrupted_upload_of_the_same_release_is_accepted() -> None:
    empty = ReleaseStore(FakeS3(), "b")
    refuse_older_data_format(Release(NEW, FILES, 2), NEW, empty)
    assert deployed_data_format(Release(NEW, FILES, 2), NEW, empty) == 2


class Formation(FakeFormation):
    """A pipeline stack that runs the deployed release."""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        (stack,) = super().describe_stacks(StackName)["Stacks"]
        outputs = [{"OutputKey": "ArtifactsBucketName", "OutputValue": "b"}]
        parameters = [{"ParameterKey": "ArtifactsPrefix", "ParameterValue": f"releases/{DEPLOYED}/jobs"}]
        return {"Stacks": [{**stack, "Outputs": outputs, "Parameters": parameters}]}


# The release contains no templates, so its validation fails.
ENVIRONMENT = parse_environment("x", 'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "none"\n')
TARGET = DeployTarget(ENVIRONMENT, Release(NEW, FILES, 1), Release(NEW, FILES, 1))


def account(s3: FakeS3) -> Any:
    return SimpleNamespace(formation=Formation("UPDATE_COMPLETE"), s3=s3, mwaa=None)


def bucket(manifest: bytes) -> FakeS3:
    s3 = FakeS3()
    s3.objects[f"releases/{DEPLOYED}/release.json"] = manifest
    return s3


def test_deploy_checks_the_format_before_it_validates() -> None:
    deployed = bucket(Release(DEPLOYED, FILES, 2).manifest)
    with pytest.raises(DeployError, match="has data format 1, but the deployed release"):
        Deployment(TARGET, account(deployed), quiet()[0], timeout_seconds=0).run()
    with pytest.raises(DeployError, match="got no object"):
        Deployment(TARGET, account(FakeS3()), quiet()[0], timeout_seconds=0).run()
    with pytest.raises(DeployError, match=r"does not contain infra/pipeline\.yaml"):
        Deployment(TARGET, account(bucket(TARGET.release.manifest)), quiet()[0], timeout_seconds=0).run()


def test_plan_checks_the_format_before_it_validates() -> None:
    progress, out = quiet()
    with pytest.raises(DeployError, match=r"does not contain infra/pipeline\.yaml"):
        DeploymentPlan(TARGET, account(bucket(Release(DEPLOYED, FILES, 2).manifest)), progress).show()
    assert "data format: 1, deployed 2" in out.getvalue()
    assert "deploy would REFUSE this: release 1a2b1a2b1a2b has data format 1" in out.getvalue()
    with pytest.raises(DeployError, match="got no object"):
        DeploymentPlan(TARGET, account(FakeS3()), progress).show()
