"""The DAG's params as Airflow wants them; the trigger form is made of this."""

from typing import Any

from airflow.sdk import Param

from engagement.contract.params import TriggerParams


def dag_params() -> dict[str, Any]:
    """Return the DAG's params by name."""
    properties = TriggerParams.model_json_schema()["properties"]
    return {name: Param(schema.pop("default"), **_form_schema(schema)) for name, schema in properties.items()}


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Write ``anyOf`` a type and null as a list of types, without which Airflow's form has no field of that type."""
    if "anyOf" not in schema:
        return schema
    value, _null = schema.pop("anyOf")
    nullable = {"type": ["null", value.pop("type")]}
    if "enum" in value:
        nullable["enum"] = [None, *value.pop("enum")]
    return {**schema, **nullable, **value}
