"""`python -m local.compose.login`: hand the login's password to Airflow's simple auth manager, which wants a file."""

import json
import os
from pathlib import Path


def main() -> None:
    """Write the file that the configuration names, readable by this user only."""
    path = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    path.touch(mode=0o600)
    path.write_text(json.dumps({"admin": os.environ["ENGAGEMENT_LOGIN_PASSWORD"]}))


if __name__ == "__main__":
    main()
