"""The command that starts a job run: its code from S3, and the arguments and environment that Glue passes."""

import os
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from local.aws_emulator.emulator_settings import EmulatorSettings
from local.s3_emulator import ACCESS_KEY, REGION, SECRET_KEY, client_env
from local.spark import conf

LAUNCHER = Path(__file__).with_name("launch.py")
# Arguments that Glue consumes; the script receives all others.
_CONSUMED = ("--conf", "--extra-", "--enable-", "--class", "--job-language", "--custom-log", "--additional-python-")
_INHERITED = ("HOME", "LANG", "LC_ALL")  # no proxies, no credentials, no profile


class LaunchError(Exception):
    """Raised when the job cannot be started. The text becomes the ErrorMessage of the run."""


@dataclass(frozen=True)
class JobCommand:
    """What to start, and where.

    :param error_file: file to which a failing script writes its error message
    """

    command: list[str]
    env: dict[str, str]
    folder: Path
    error_file: Path

    def outcome(self, exit_code: int) -> tuple[str, str | None]:
        """Return the state and the ErrorMessage of a run whose process has ended by itself."""
        if exit_code == 0:
            return "SUCCEEDED", None
        if self.error_file.exists() and (message := self.error_file.read_text()):
            return "FAILED", message
        return "FAILED", f"Command failed with exit code {exit_code if exit_code > 0 else 128 - exit_code}"


def prepare_command(
    settings: EmulatorSettings, job: str, run_id: str, script: str, arguments: dict[str, str], slots: int
) -> JobCommand:
    """Create the scratch folder of a run, download its code, and return the command that starts it.

    :param job: name of the job
    :param script: S3 URI of the script
    :param arguments: arguments of the run, those for Glue included
    :param slots: number of tasks that run in parallel
    :raises LaunchError: when code is missing in S3, or `--conf` cannot be parsed
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
    return JobCommand(
        command=command + script_arguments(job, run_id, arguments),
        env=_environment(settings, folder, modules, properties),
        folder=folder,
        error_file=error_file,
    )


def script_arguments(job: str, run_id: str, arguments: dict[str, str]) -> list[str]:
    """Return the arguments of the script: --JOB_NAME, --JOB_RUN_ID, then those that Glue does not consume."""
    passed = {"--JOB_NAME": job, "--JOB_RUN_ID": run_id} | {
        name: value for name, value in arguments.items() if not name.startswith(_CONSUMED)
    }
    return [word for pair in passed.items() for word in pair]


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
