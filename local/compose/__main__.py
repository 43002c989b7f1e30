"""`make image`, `make up` and `make down`: the compose stack, from nothing to ready and back to nothing."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from local.compose import credentials, up
from local.compose.project import NAME, REPOSITORY, Project


def main() -> int:
    """Run one of the three; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.compose", description=__doc__)
    parser.add_argument("do", choices=["build", "up", "down"])
    parser.add_argument("--env-file", type=Path, default=REPOSITORY / ".env", help="where secrets and ports are kept")
    parser.add_argument("--project", default=NAME, help="name of the Compose project")
    arguments = parser.parse_args()
    credentials.ensure(arguments.env_file)  # Compose wants every variable, also for taking things down
    project = Project(arguments.env_file, arguments.project)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    try:
        if arguments.do == "down":
            project.run("down", "--volumes", "--remove-orphans")
        else:
            up.build(project, say)
            if arguments.do == "up":
                say("Starting the services")
                up.start(project, say)
                say("Everything is up")
                print(up.directions(project, arguments.env_file, to_a_person=sys.stdout.isatty()))
    except up.NotUpError as error:
        print(f"{error}\n\nWhat runs is left running for you to look at; `make down` removes it.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    except KeyboardInterrupt:
        print("\nInterrupted; `make down` removes what was started.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
