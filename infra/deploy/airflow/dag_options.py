"""The options of section [engagement] of Airflow's configuration, as `infra/mwaa.yaml` sets them."""

from collections.abc import Mapping

from infra.intrinsics import Resolver, parameter_values, parse

SECTION = "engagement"
_FIRST_POOL = "engagement"  # of releases without this option


def read_options(template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a release, by name.

    :param template: text of the release's `infra/mwaa.yaml`
    :param parameters: values of its parameters; the others have their defaults
    """
    made = parse(template)
    options = made["Resources"]["Environment"]["Properties"]["AirflowConfigurationOptions"]
    own = {name: value for name, value in options.items() if name.startswith(f"{SECTION}.")}
    values = {**parameter_values(made, parameters), "AWS::NoValue": None}
    resolved = Resolver(made, values, ref=str, attribute=_no_attribute).resolve(own)
    found = {name.removeprefix(f"{SECTION}."): str(value) for name, value in resolved.items()}
    found.setdefault("pool", _FIRST_POOL)
    return found


def _no_attribute(resource: str, attribute: str) -> str:
    raise AssertionError(f"an option depends on {resource}.{attribute}, which only a deployed stack knows")
