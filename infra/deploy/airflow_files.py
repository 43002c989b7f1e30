"""Which objects MWAA is told to install from: those it has already, as long as the bytes are the same."""

from infra.deploy.releases import Releases
from infra.deploy.stacks import Stack
from infra.deploy.target import Target

_FILES = {"PluginsKey": "plugins.zip", "RequirementsKey": "requirements.txt"}


def keys(target: Target, present: Stack | None, store: Releases) -> dict[str, str]:
    """`PluginsKey` and `RequirementsKey` for the MWAA stack.

    A new key makes MWAA build its workers anew, which takes the better part of an hour: a release that changes neither
    plugins nor requirements leaves the keys at the release that first held those bytes.
    """
    chosen = target.keys()
    for parameter, name in _FILES.items():
        now = present.parameters.get(parameter) if present and present.is_there else None
        if now and store.read(now) == target.release.files[name]:
            chosen[parameter] = now
    return chosen
