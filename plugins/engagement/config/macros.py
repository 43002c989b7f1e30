"""The macros and filters that the DAG's templates call, and the DAG's params.

Each macro translates Airflow's objects for a pure function. An error fails the task at once, without retries: its cause
is in the settings or in how the run was started.
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException

from engagement.config.params import TriggerParams
from engagement.config.settings import VARIABLE, Settings
from engagement.contract import dates
from engagement.contract.arguments import DRY_RUN, PushMode
from engagement.contract.errors import DocumentError, ScoreDateError, SettingsError
from engagement.contract.s3_keys import activity_key

log = logging.getLogger(__name__)

_CACHE_KEY = "engagement settings, parsed"


@dataclass(frozen=True)
class DateMacros:
    """The macros that depend on the business timezone.

    :param timezone: IANA name
    """

    timezone: str

    def score_date(self, dag_run: Any, params: Any) -> str:
        """Return the date that the run scores, as YYYY-MM-DD.

        :raises AirflowFailException: the requested date is invalid
        """
        try:
            return dates.score_date(
                requested=trigger_params(params).score_date,
                run_type=dag_run.run_type,
                logical_date=dag_run.logical_date,
                run_after=dag_run.run_after,
                timezone=self.timezone,
            )
        except ScoreDateError as error:
            raise AirflowFailException(str(error)) from None

    def push_mode(self, dag_run: Any, params: Any, settings: Settings) -> PushMode:
        """Return the push mode of the run, and warn in the task's log if nothing will be sent."""
        mode, reason = self._mode_and_reason(dag_run, params, settings)
        if mode == DRY_RUN:
            log.warning("NOTHING WILL BE SENT, this is a dry run: %s", reason or "the setting push_mode is dry_run")
        return mode

    def push_mode_reason(self, dag_run: Any, params: Any, settings: Settings) -> str:
        """Return why the push mode is not the setting's, empty if it is."""
        return self._mode_and_reason(dag_run, params, settings)[1]

    def _mode_and_reason(self, dag_run: Any, params: Any, settings: Settings) -> tuple[PushMode, str]:
        # The start of the run, not the current time: all its tasks and retries must get the same mode. Clearing a
        # finished run sets a new start. `airflow dags test` reports a start before run_after.
        started = max(dag_run.start_date or datetime.now(UTC), dag_run.run_after)
        return dates.push_mode(
            requested=trigger_params(params).push_mode,
            setting=settings.push_mode,
            age_in_days=dates.age_in_days(self.score_date(dag_run, params), started, self.timezone),
            max_age_in_days=settings.max_push_age_days,
        )


def dag_macros(timezone: str) -> dict[str, Callable[..., Any]]:
    """Return the macros by name.

    :param timezone: IANA name of the business timezone
    """
    macros = DateMacros(timezone)
    return {
        "score_date": macros.score_date,
        "push_mode": macros.push_mode,
        "push_mode_reason": macros.push_mode_reason,
        "scored_at": lambda dag_run: dates.scored_at(dag_run.run_after),
        "settings": settings,
        "activity_key": activity_key,
    }


def dag_filters() -> dict[str, Callable[..., Any]]:
    """Return the template filters by name."""
    return {"as_argument": as_argument}


def dag_params() -> dict[str, Any]:
    """Return the DAG's params by name, in the form that Airflow's trigger form needs."""
    properties = TriggerParams.model_json_schema()["properties"]
    return {name: Param(schema.pop("default"), **_form_schema(schema)) for name, schema in properties.items()}


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace ``anyOf`` of a type and null by a list of types. The trigger form shows no typed field for ``anyOf``."""
    if "anyOf" not in schema:
        return schema
    value, _null = schema.pop("anyOf")
    nullable = {"type": ["null", value.pop("type")]}
    if "enum" in value:
        nullable["enum"] = [None, *value.pop("enum")]
    return {**schema, **nullable, **value}


def trigger_params(params: Mapping[str, Any]) -> TriggerParams:
    """Return the validated params of the run.

    :param params: the template variable; Airflow merges the run's configuration into it without checking names
    :raises AirflowFailException: a param is unknown or invalid
    """
    try:
        return TriggerParams.read(params)
    except DocumentError as error:
        raise AirflowFailException(f"the run was started with invalid params: {error}") from None


def settings(var: MutableMapping[str, Any]) -> Settings:
    """Return the settings.

    :param var: Airflow's template variable of that name. It lives as long as the task, so the parsed settings are
        cached in it: two dozen templates need one lookup.
    :raises AirflowFailException: the Variable is absent or invalid
    """
    if _CACHE_KEY not in var:
        try:
            var[_CACHE_KEY] = Settings.parse(var["value"].get(VARIABLE, None))
        except SettingsError as error:
            raise AirflowFailException(str(error)) from None
    parsed: Settings = var[_CACHE_KEY]
    return parsed


def as_argument(value: Any) -> str:
    """Format a value as a Glue job argument: ``none``, ``true``, ``false``, a number without exponent, or text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f")
    return str(value)
