"""The check that a release can read what the deployed release wrote to S3."""

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore


def deployed_data_format(release: Release, deployed: str, store: ReleaseStore) -> int:
    """Return the data format of the deployed release.

    It is not read from S3 when `release` is the deployed one, whose upload may have been interrupted.

    :param deployed: commit of the deployed release
    :return: 0 when the release predates the number
    :raises DeployError: when the manifest is missing, cannot be read or is damaged
    """
    if deployed == release.commit:
        return release.data_format
    return store.deployed_manifest(deployed).data_format


def refuse_older_data_format(release: Release, deployed: str | None, store: ReleaseStore) -> None:
    """Refuse a release whose data format is older than that of the deployed release.

    :param deployed: commit of the deployed release, None when none is deployed
    :raises DeployError: when `release` has a lower number, or when the deployed number cannot be read
    """
    if deployed is not None:
        refuse_lower_number(release, deployed, deployed_data_format(release, deployed, store))


def refuse_lower_number(release: Release, deployed: str, deployed_format: int) -> None:
    """Refuse a release whose data format is lower than `deployed_format`.

    :param deployed: commit of the deployed release
    :raises DeployError: when `release` has a lower number
    """
    if release.data_format < deployed_format:
        raise DeployError(
            f"release {release.commit[:12]} has data format {release.data_format}, but the deployed release "
            f"{deployed[:12]} has {deployed_format}: the older code cannot read what the deployed code wrote to S3. "
            f"Nothing was changed. Deploy a release with data format {deployed_format} or higher, such as a new commit "
            "that reverts the change and keeps the format"
        )
