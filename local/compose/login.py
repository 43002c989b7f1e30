"""Write the password file of Airflow's simple auth manager: `python -m local.compose.login`."""

import json
import os
from pathlib import Path


def main() -> None:
    """Write the file that the configuration names; only its owner can read it."""
    path = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    path.touch(mode=0o600)
    path.write_text(json.dumps({"admin": os.environ["ENGAGEMENT_LOGIN_PASSWORD"]}))


if __name__ == "__main__":
    main()
