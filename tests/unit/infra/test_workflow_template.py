"""What the template without Airflow promises: every argument, one run at a time, and that silence is noticed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engagement.contract import PUSH_MODES
from engagement.settings import Settings
from engagement_jobs import workflow
from engagement_jobs.arguments import PushArguments, ScoreArguments
from tests.unit.infra import templates
from tests.unit.infra.templates import Template, statements

README = Path(__file__).resolve().parents[3] / "README.md"
DERIVED = {"score_date", "scored_at", "run_id", "input_uri", "input_etags"}
# What the deployment takes from the outputs of the pipeline's stack.
FACTS = ["ActivityBucketName", "OutputBucketName", "ScoreJobName", "PushJobName", "NotificationTopicArn", "KeyArn"]
# Parameters that are settings of the Airflow Variable by another name.
RENAMED = {"CrmSecretId": "credential_id"}
SETTINGS = [
    "BaseUrl", "CrmSecretId", "ActivityKey", "WeightsUri", "MaxRejectFraction", "PushMode", "MaxRequestsPerSecond",
    "PushTasks", "MaxConcurrency", "MaxAttempts", "RequestTimeoutSeconds", "DeadlineSeconds", "GiveUpAfterSeconds",
    "MaxFailedFraction", "AllowHttp",
]  # fmt: skip


@pytest.fixture(scope="module")
def template() -> Template:
    return templates.load(templates.INFRA / "workflow.yaml")


@pytest.fixture(scope="module")
def pipeline() -> Template:
    return templates.load(templates.INFRA / "pipeline.yaml")


@pytest.fixture(scope="module")
def resources(template: Template) -> dict[str, Any]:
    return template.properties()


def arguments(resources: dict[str, Any], trigger: str) -> dict[str, Any]:
    """What a trigger gives its job."""
    (action,) = resources[trigger]["Actions"]
    given: dict[str, Any] = action["Arguments"]
    return given


def setting(parameter: str) -> str:
    """The setting's name: `max_reject_fraction` of MaxRejectFraction."""
    return RENAMED.get(parameter) or re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


def test_it_declares_exactly_these_resources(template: Template) -> None:
    assert {name: one["Type"] for name, one in template.resources().items()} == {
        "Workflow": "AWS::Glue::Workflow",
        "StartTrigger": "AWS::Glue::Trigger",
        "PushTrigger": "AWS::Glue::Trigger",
        "ScheduleRole": "AWS::IAM::Role",
        "NightlySchedule": "AWS::Scheduler::Schedule",
        "JobFailedRule": "AWS::Events::Rule",
        "PushSucceededRule": "AWS::Events::Rule",
        "PushSucceededLog": "AWS::Logs::LogGroup",
        "PushSucceededLogPolicy": "AWS::Logs::ResourcePolicy",
        "LateAlarm": "AWS::CloudWatch::Alarm",
    }
    assert "LateAlarm" not in template.resources(LateAfterHours="0")


def test_facts_of_the_pipeline_have_the_names_of_its_outputs(template: Template, pipeline: Template) -> None:
    assert set(FACTS) <= pipeline.outputs.keys()
    without = [name for name, one in template.parameters.items() if "Default" not in one]
    assert without == [*FACTS[:-1], "BaseUrl", "CrmSecretId"]


@pytest.mark.parametrize(("trigger", "kind"), [("StartTrigger", ScoreArguments), ("PushTrigger", PushArguments)])
def test_triggers_pass_what_the_jobs_declare_but_what_differs_by_day(
    resources: dict[str, Any], trigger: str, kind: type[ScoreArguments] | type[PushArguments]
) -> None:
    extract = {"activity_bucket", "activity_key"} if kind is ScoreArguments else set()
    wanted = set(kind.names()) - DERIVED | extract | {"timezone"}
    assert arguments(resources, trigger).keys() == {f"--{name}" for name in wanted}
    # Glue itself gives these two to every job of a workflow.
    assert wanted == set(workflow.names(kind.names())) - {workflow.NAME, workflow.RUN_ID}


@pytest.mark.parametrize("trigger", ["StartTrigger", "PushTrigger"])
def test_arguments_are_text_and_each_from_the_parameter_of_its_name(
    template: Template, resources: dict[str, Any], trigger: str
) -> None:
    from_elsewhere = {
        "--force": "false",
        "--limit": "none",
        "--output_bucket": "OutputBucketName",
        "--activity_bucket": "ActivityBucketName",
        "--secret_id": "CrmSecretId",
    }
    by_argument = {f"--{setting(name)}": name for name in ["Timezone", *SETTINGS]}
    for argument, value in arguments(resources, trigger).items():
        assert isinstance(value, str), argument
        wanted = from_elsewhere.get(argument) or by_argument[argument]
        # A number would stay one if it were only referred to; as text it is substituted.
        number = template.parameters.get(wanted, {}).get("Type") == "Number"
        assert value == (f"${{{wanted}}}" if number else wanted), argument


def test_defaults_are_arguments_that_the_jobs_take(template: Template, resources: dict[str, Any]) -> None:
    values = {name: str(one.get("Default", "")) for name, one in template.parameters.items()}
    values |= {"BaseUrl": "https://crm.example.com", "CrmSecretId": "crm", "OutputBucketName": "output"}
    day = {
        "JOB_RUN_ID": "jr_1",
        "score_date": "2026-11-23",
        "scored_at": "2026-11-23T03:30:00Z",
        "run_id": "workflow__",
    }
    day |= {"input_uri": "s3://activity/key", "input_etags": '{"key": "etag"}'}
    parsed = {}
    for trigger, kind in (("StartTrigger", ScoreArguments), ("PushTrigger", PushArguments)):
        given = {
            name.removeprefix("--"): values.get(value.strip("${}"), value)
            for name, value in arguments(resources, trigger).items()
        }
        parsed[trigger] = kind.parse(day | given)
    push = parsed["PushTrigger"]
    assert isinstance(push, PushArguments)
    assert (push.push_mode, push.force, push.limit, push.allow_http) == ("dry_run", False, None, False)


@pytest.mark.parametrize("parameter", SETTINGS)
def test_parameters_are_the_settings_with_their_defaults_and_ranges(template: Template, parameter: str) -> None:
    declared = template.parameters[parameter]
    field = Settings.__dataclass_fields__[setting(parameter)]
    rule = field.metadata["rule"]
    assert re.search(rf"`{setting(parameter)}`", README.read_text(encoding="utf-8"))
    if parameter == "PushMode":
        # Whoever deploys without Airflow has no trigger form and no guard to think twice at.
        assert (declared["Default"], field.default) == ("dry_run", "all")
        assert declared["AllowedValues"] == list(PUSH_MODES)
        return
    default = declared.get("Default")
    if parameter == "AllowHttp":
        assert {"true": True, "false": False}[default] is field.default
    elif default is None:
        assert parameter in ("BaseUrl", "CrmSecretId")
    else:
        assert default == field.default
    for bound in ("MinValue", "MaxValue"):
        if bound in declared:
            assert rule.fault(declared[bound]) is None
            beyond = declared[bound] + (1 if bound == "MaxValue" else -1)
            assert rule.fault(beyond), (bound, beyond)


def test_the_push_ends_by_itself_before_glue_ends_it(template: Template, pipeline: Template) -> None:
    timeout = pipeline.parameters["PushTimeoutMinutes"]["Default"] * 60
    deadline = template.parameters["DeadlineSeconds"]
    assert deadline["Default"] + 120 <= timeout
    assert deadline["MaxValue"] + 120 <= timeout


def test_one_run_at_a_time_that_pushes_only_what_was_scored(resources: dict[str, Any]) -> None:
    assert resources["Workflow"] | {"Description": ""} == {
        "Name": "NamePrefix",
        "Description": "",
        "MaxConcurrentRuns": 1,
    }
    start, push = resources["StartTrigger"], resources["PushTrigger"]
    assert start["WorkflowName"] == push["WorkflowName"] == "Workflow"
    assert (start["Type"], "StartOnCreation" in start) == ("ON_DEMAND", False)  # CloudFormation refuses it there
    assert start["Actions"][0]["JobName"] == "ScoreJobName"
    assert (push["Type"], push["StartOnCreation"]) == ("CONDITIONAL", True)
    assert push["Predicate"]["Conditions"] == [
        {"JobName": "ScoreJobName", "LogicalOperator": "EQUALS", "State": "SUCCEEDED"}
    ]
    assert push["Actions"][0]["JobName"] == "PushJobName"
    # Timeouts and retries are the jobs' own.
    assert {key for one in (start, push) for key in one["Actions"][0]} == {"JobName", "Arguments"}


def test_the_schedule_starts_the_workflow_and_tells_it_when(template: Template, resources: dict[str, Any]) -> None:
    schedule = resources["NightlySchedule"]
    assert template.parameters["Schedule"]["Default"] == "cron(30 3 * * ? *)"
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == ("Schedule", "Timezone")
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule["Target"]
    assert target["Arn"] == "arn:${AWS::Partition}:scheduler:::aws-sdk:glue:startWorkflowRun"
    assert json.loads(target["Input"]) == {
        "Name": "${Workflow}",
        "RunProperties": {workflow.SCHEDULED_TIME: "<aws.scheduler.scheduled-time>"},
    }
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] < 24 * 3600  # never into the next night
    # Without its triggers, a started workflow runs nothing and succeeds.
    assert template.resources()["NightlySchedule"]["DependsOn"] == ["StartTrigger", "PushTrigger"]


def test_the_scheduler_may_start_this_workflow_and_nothing_else(resources: dict[str, Any]) -> None:
    role = resources["ScheduleRole"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}}
    (allowed,) = statements(role)
    assert allowed["Action"] == ["glue:StartWorkflowRun"]
    assert allowed["Resource"] == ["arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:workflow/${Workflow}"]


def test_the_workflow_is_the_one_that_the_jobs_may_ask(template: Template, pipeline: Template) -> None:
    for role in ("ScoreRole", "PushRole"):
        (asking,) = [
            one for one in statements(pipeline.properties()[role]) if one["Action"] == ["glue:GetWorkflowRunProperties"]
        ]
        assert [it.rpartition("/")[2] for it in asking["Resource"]] == ["${NamePrefix}"]
    assert template.properties()["Workflow"]["Name"] == "NamePrefix"


def test_whatever_is_no_success_is_told(resources: dict[str, Any]) -> None:
    rule = resources["JobFailedRule"]
    assert rule["EventPattern"] == {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {"jobName": ["ScoreJobName", "PushJobName"], "state": ["FAILED", "TIMEOUT", "STOPPED", "ERROR"]},
    }
    (target,) = rule["Targets"]
    assert (target["Arn"], "RoleArn" in target) == ("NotificationTopicArn", False)
    paths, text = target["InputTransformer"]["InputPathsMap"], target["InputTransformer"]["InputTemplate"]
    assert set(re.findall(r"<(\w+)>", text)) == paths.keys()
    assert "message" not in str(paths)  # its quotation marks would break the text
    filled = re.sub(r"<\w+>", "x", text)
    assert json.loads(filled).startswith("FAILED: ")


def test_a_missing_success_is_told(template: Template, resources: dict[str, Any]) -> None:
    rule, alarm = resources["PushSucceededRule"], resources["LateAlarm"]
    assert rule["EventPattern"]["detail"] == {"jobName": ["PushJobName"], "state": ["SUCCEEDED"]}
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Events", "Invocations", "Sum")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": "PushSucceededRule"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == "LateAfterHours"
    assert alarm["Period"] * template.parameters["LateAfterHours"]["MaxValue"] <= 7 * 24 * 3600
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["NotificationTopicArn"]


def test_successes_are_logged_where_eventbridge_may_write(template: Template, resources: dict[str, Any]) -> None:
    (target,) = resources["PushSucceededRule"]["Targets"]
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${PushSucceededLog}"
    assert target["Arn"] == group
    assert resources["PushSucceededLog"]["LogGroupName"].startswith("/aws/events/")
    (allowed,) = statements(resources["PushSucceededLogPolicy"])
    assert allowed["Principal"] == {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]}
    assert (allowed["Action"], allowed["Resource"]) == (["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*"])
    key = "arn:aws:kms:eu-central-1:123456789012:key/1"
    assert template.properties(KeyArn=key)["PushSucceededLog"]["KmsKeyId"] == "KeyArn"


def test_airflow_and_the_workflow_are_never_deployed_together() -> None:
    exports = {
        name: templates.load(templates.INFRA / f"{name}.yaml").outputs["Scheduler"]["Export"]
        for name in ("workflow", "mwaa")
    }
    assert exports["workflow"] == exports["mwaa"] == {"Name": {"Fn::Sub": "${NamePrefix}-scheduler"}}
