"""Prepares a job run: code from S3 into its scratch folder, environment, command line as Glue gives it."""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from local.aws_emulator.emulator_settings import EmulatorSettings
from local.s3_emulator import ACCESS_KEY, REGION, SECRET_KEY, client_env
from local.spark import conf

LAUNCHER = Path(__file__).with_name("launch.py")
# What Glue uses up itself; everything else reaches the script.
_CONSUMED = ("--conf", "--extra-", "--enable-", "--class", "--job-language", "--custom-log", "--additional-python-")
_INHERITED = ("HOME", "LANG", "LC_ALL")  # and nothing else: no proxy, no credentials, no profile


class LaunchError(Exception):
    """The job cannot be started; the text is its ErrorMessage."""


@dataclass(frozen=True)
class Prepared:
    """What to start, where, and where the failing script leaves its last word."""

    command: list[str]
    env: dict[str, str]
    folder: Path
    error_file: Path


def prepare(
    settings: EmulatorSettings, job: str, run_id: str, script: str, arguments: dict[str, str], slots: int
) -> Prepared:
    """Make the run's scratch folder and what is needed to start it.

    Raises LaunchError when code is not where the job says, or `--conf` cannot be read.
    """
    folder = settings.scratch / run_id
    folder.mkdir(parents=True)
    script_file = _download(settings.s3_url, script, folder / "code")
    extras = [piece.strip() for piece in arguments.get("--extra-py-files", "").split(",") if piece.strip()]
    modules = [_download(settings.s3_url, extra, folder / "code") for extra in extras]
    try:
        properties = conf.properties(settings.root, folder, slots, arguments.get("--conf"))
    except ValueError as error:
        raise LaunchError(f"LAUNCH ERROR | {error}") from error
    error_file = folder / "error"
    command = [str(settings.glue_python), str(LAUNCHER), str(error_file), str(script_file)]
    return Prepared(
        command=command + script_arguments(job, run_id, arguments),
        env=_environment(settings, folder, modules, properties),
        folder=folder,
        error_file=error_file,
    )


def script_arguments(job: str, run_id: str, arguments: dict[str, str]) -> list[str]:
    """The script's argument list: --JOB_NAME, --JOB_RUN_ID, then every argument that is not Glue's own."""
    given = {"--JOB_NAME": job, "--JOB_RUN_ID": run_id} | {
        name: value for name, value in arguments.items() if not name.startswith(_CONSUMED)
    }
    return [word for pair in given.items() for word in pair]


def _environment(
    settings: EmulatorSettings, folder: Path, modules: list[Path], properties: dict[str, str]
) -> dict[str, str]:
    python = settings.glue_python
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= conf.environment(python, folder, properties) | client_env(settings.s3_url, settings.aws_url)
    return env | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(map(str, modules)),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder / "tmp"),
        "TZ": "UTC",
    }


def _download(s3_url: str, uri: str, folder: Path) -> Path:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    target = folder / key.rpartition("/")[2]
    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
    )
    try:
        content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise LaunchError(
            f"LAUNCH ERROR | Error downloading from S3 for bucket: {bucket}, key: {key}. {error}"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target
