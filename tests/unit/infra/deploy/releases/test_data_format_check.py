"""Going back to a release that cannot read the data in S3 is refused."""

from __future__ import annotations

import re

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.releases.data_format_check import refuse_older_data_format
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from tests.unit.infra.deploy.fakes import FakeS3

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


def test_a_deployed_release_without_a_manifest_counts_as_0() -> None:
    refuse_older_data_format(Release(NEW, FILES), "5e6f" * 10, store(2))
