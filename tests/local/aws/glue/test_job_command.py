"""The words that a script gets."""

from __future__ import annotations

from local.aws.glue.job_command import script_arguments


def test_the_runs_identity_comes_first_and_glues_own_arguments_are_left_out() -> None:
    arguments = {
        "--conf": "a=b",
        "--extra-py-files": "s3://x/y.zip",
        "--enable-metrics": "",
        "--custom-logGroup-prefix": "/x",
        "--job-bookmark-option": "job-bookmark-disable",
        "--rows": "",
    }
    assert script_arguments("job", "jr_1", arguments) == [
        *["--JOB_NAME", "job", "--JOB_RUN_ID", "jr_1"],
        *["--job-bookmark-option", "job-bookmark-disable", "--rows", ""],
    ]
