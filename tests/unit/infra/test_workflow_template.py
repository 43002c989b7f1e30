"""The workflow template matches the jobs and settings: arguments, ranges, schedule, notifications, alarm."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engagement.config.settings import Settings
from engagement.contract.arguments import PUSH_MODES
from engagement.contract.errors import SettingsError
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.entrypoints import workflow_run
from tests.unit.infra.deployed import Deployed, deployed
from tests.unit.infra.rules import statements

DERIVED = {"score_date", "scored_at", "run_id", "input_uri", "input_etags"}
KINDS: dict[str, type[ScoreArguments] | type[PushArguments]] = {
    "StartTrigger": ScoreArguments,
    "PushTrigger": PushArguments,
}
# Arguments and settings with a parameter of another name.
PARAMETERS = {
    "output_bucket": "OutputBucketName",
    "activity_bucket": "ActivityBucketName",
    "secret_id": "CrmSecretId",
    "credential_id": "CrmSecretId",
    "egress_url": "ProxyUrl",
    "direct_hosts": "NoProxy",
}
FIXED = {"resend_delivered": "false", "ignore_retry_after": "false", "limit": "none"}
SETTINGS = [
    "base_url", "credential_id", "crm_uri", "egress_url", "direct_hosts", "ca_uri",
    "activity_key", "weights_uri", "max_invalid_fraction", "stall_timeout_seconds", "push_mode",
    "max_requests_per_second", "push_tasks", "max_concurrency", "max_attempts", "request_timeout_seconds",
    "deadline_seconds", "unavailable_timeout_seconds", "max_retry_after_seconds", "max_failed_fraction", "allow_http",
]  # fmt: skip


def parameter(name: str) -> str:
    """Return the parameter of an argument or a setting, such as MaxAttempts of max_attempts."""
    return PARAMETERS.get(name) or "".join(word.capitalize() for word in name.split("_"))


def arguments(made: Deployed, trigger: str) -> dict[str, str]:
    """Return the arguments that a trigger passes to its job."""
    (action,) = made.properties(trigger)["Actions"]
    return {name.removeprefix("--"): value for name, value in action["Arguments"].items()}


@pytest.mark.parametrize("trigger", KINDS)
def test_a_trigger_passes_what_the_job_cannot_derive(trigger: str) -> None:
    names = KINDS[trigger].names()
    extract = {"activity_bucket", "activity_key"} if trigger == "StartTrigger" else set()
    expected = set(names) - DERIVED | extract | {"timezone"}
    assert arguments(deployed("workflow"), trigger).keys() == expected
    # Glue itself passes these two to every job of a workflow.
    glue_arguments = {workflow_run.WORKFLOW_NAME, workflow_run.WORKFLOW_RUN_ID}
    assert expected == set(workflow_run.argument_names(names)) - glue_arguments


@pytest.mark.parametrize("trigger", KINDS)
def test_each_argument_is_the_text_of_its_parameter(trigger: str) -> None:
    template = deployed("workflow").template["Parameters"]
    given = {
        name: str(position) if one["Type"] == "Number" else f"text-{position}"
        for position, (name, one) in enumerate(template.items())
    }
    for name, value in arguments(Deployed("workflow", **given), trigger).items():
        assert value == FIXED.get(name, given.get(parameter(name))), name


def test_the_jobs_accept_the_defaults() -> None:
    day = {
        "JOB_RUN_ID": "jr_1",
        "score_date": "2026-11-23",
        "scored_at": "2026-11-23T03:30:00Z",
        "run_id": "workflow__",
        "input_uri": "s3://activity/key",
        "input_etags": '{"key": "etag"}',
    }
    made = deployed("workflow")
    ScoreArguments.parse(day | arguments(made, "StartTrigger"))
    push = PushArguments.parse(day | arguments(made, "PushTrigger"))
    # Without Airflow there is no trigger form, and there are no checks before the push.
    assert (push.push_mode, push.resend_delivered, push.limit, push.allow_http) == ("dry_run", False, None, False)


def settings(**given: Any) -> Settings:
    """Return settings, with the required ones filled in."""
    buckets = {"activity_bucket": "activity", "output_bucket": "output"}
    crm = {"base_url": "https://crm.example.com", "credential_id": "token"}
    return Settings.parse(json.dumps({**buckets, **crm, **given}))


@pytest.mark.parametrize("setting", SETTINGS)
def test_parameters_have_the_settings_defaults_and_ranges(setting: str) -> None:
    declared = deployed("workflow").template["Parameters"][parameter(setting)]
    field = Settings.model_fields[setting]
    if setting == "push_mode":
        assert declared["AllowedValues"] == list(PUSH_MODES)
    elif "Default" in declared:
        assert declared["Default"] == {False: "false", "": "none"}.get(field.default, field.default)
    else:
        assert setting in ("base_url", "credential_id")
    for bound, beyond in (("MinValue", -1), ("MaxValue", 1)):
        if bound in declared:
            assert getattr(settings(**{setting: declared[bound]}), setting) == declared[bound]
            with pytest.raises(SettingsError, match=f"{setting}: expected"):
                settings(**{setting: declared[bound] + beyond})


def test_the_push_deadline_is_before_the_glue_timeout() -> None:
    timeout = deployed("pipeline").parameters["PushTimeoutMinutes"] * 60
    assert deployed("workflow").template["Parameters"]["DeadlineSeconds"]["MaxValue"] + 120 <= timeout


def test_a_stall_ends_the_scoring_job_before_glue_does() -> None:
    timeout = deployed("pipeline").parameters["ScoreTimeoutMinutes"] * 60
    assert deployed("workflow").template["Parameters"]["StallTimeoutSeconds"]["Default"] + 600 <= timeout


def test_the_push_runs_only_after_successful_scoring() -> None:
    made = deployed("workflow")
    start, push = made.properties("StartTrigger"), made.properties("PushTrigger")
    pipeline = deployed("pipeline").outputs
    assert start["Actions"][0]["JobName"] == pipeline["ScoreJobName"]
    assert push["Actions"][0]["JobName"] == pipeline["PushJobName"]
    assert push["Predicate"]["Conditions"] == [
        {"JobName": pipeline["ScoreJobName"], "LogicalOperator": "EQUALS", "State": "SUCCEEDED"}
    ]
    # Timeouts and retries are set in the jobs.
    assert {key for one in (start, push) for key in one["Actions"][0]} == {"JobName", "Arguments"}


def test_the_schedule_passes_its_time_to_the_workflow() -> None:
    made = deployed("workflow")
    target = made.properties("NightlySchedule")["Target"]
    assert json.loads(target["Input"]) == {
        "Name": made.ref("Workflow"),
        "RunProperties": {workflow_run.SCHEDULED_TIME: "<aws.scheduler.scheduled-time>"},
    }
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] < 24 * 3600  # not until the next night
    # A workflow without its triggers runs nothing and succeeds.
    assert made.resources["NightlySchedule"]["DependsOn"] == ["StartTrigger", "PushTrigger"]


def test_every_state_except_success_is_reported() -> None:
    rule = deployed("workflow").properties("JobFailedRule")
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED", "TIMEOUT", "STOPPED", "ERROR"]
    outputs = deployed("pipeline").outputs
    assert rule["EventPattern"]["detail"]["jobName"] == [outputs["ScoreJobName"], outputs["PushJobName"]]
    (target,) = rule["Targets"]
    paths, text = target["InputTransformer"]["InputPathsMap"], target["InputTransformer"]["InputTemplate"]
    assert set(re.findall(r"<(\w+)>", text)) == paths.keys()
    assert "message" not in str(paths)  # quotation marks in it would make the text invalid
    assert json.loads(re.sub(r"<\w+>", "x", text)).startswith("FAILED: ")


def test_the_alarm_counts_successful_pushes() -> None:
    made = deployed("workflow")
    alarm, rule = made.properties("LateAlarm"), made.properties("PushSucceededRule")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "Invocations")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": made.ref("PushSucceededRule")}]
    assert rule["EventPattern"]["detail"] == {"jobName": [made.parameters["PushJobName"]], "state": ["SUCCEEDED"]}
    # CloudWatch counts only rules with a target. EventBridge may write to groups of this name with such a policy.
    assert made.ref("PushSucceededLog").startswith("/aws/events/")
    (allowed,) = statements(made.resources["PushSucceededLogPolicy"])
    assert allowed["Resource"] == [made.arn("PushSucceededLog")]
    assert made.arn("PushSucceededLog").removesuffix(":*") == rule["Targets"][0]["Arn"]


def test_airflow_and_the_workflow_exclude_each_other() -> None:
    """CloudFormation rejects a second export of the same name."""
    names = [
        made.resolver.resolve(made.template["Outputs"]["Scheduler"]["Export"]["Name"])
        for made in (deployed("workflow"), deployed("mwaa"))
    ]
    assert names[0] == names[1]
