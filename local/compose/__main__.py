"""Build, start and remove the compose stack: `make image`, `make up` and `make down`."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from local.compose import credentials, up
from local.compose.project import NAME, REPOSITORY, Project


def main() -> int:
    """Run one of the three commands; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.compose", description=__doc__)
    parser.add_argument("command", choices=["build", "up", "down"])
    parser.add_argument("--env-file", type=Path, default=REPOSITORY / ".env", help="file with secrets and ports")
    parser.add_argument("--project", default=NAME, help="name of the Compose project")
    arguments = parser.parse_args()
    credentials.ensure(arguments.env_file)  # Compose requires all variables, for `down` as well
    project = Project(arguments.env_file, arguments.project)
    started_at = time.monotonic()

    def log(text: str) -> None:
        print(f"{time.monotonic() - started_at:6.1f} s  {text}", flush=True)

    try:
        if arguments.command == "down":
            project.run("down", "--volumes", "--remove-orphans")
        else:
            up.build(project, log)
            if arguments.command == "up":
                log("Starting the services")
                up.start(project, log)
                log("All services are ready")
                print(up.directions(project, arguments.env_file, with_secrets=sys.stdout.isatty()))
    except up.NotUpError as error:
        print(
            f"{error}\n\nThe containers are left as they are for inspection; `make down` removes them.", file=sys.stderr
        )
        return 1
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    except KeyboardInterrupt:
        print("\nInterrupted. `make down` removes the containers.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
