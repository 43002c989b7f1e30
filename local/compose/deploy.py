"""One-shot service `deploy`: deploys the template, uploads extracts of some days and sets the Variable.

It can be repeated: `make up` on a running stack uploads job code and extracts again, but keeps an existing Variable,
which may have been edited.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.extract import write_extract
from local.stack import RunningStack, deploy

CRM_URL = "http://crm:8090"
SETTINGS_FROM_ENVIRONMENT = ("base_url", "crm_uri", "egress_url", "direct_hosts", "ca_uri", "report_url")
RATE = 1_000.0  # requests per second; the default of the setting is for a CRM that other clients use as well


def chosen_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are chosen in .env, by name."""
    values = {name: environment.get(name.upper(), "") for name in SETTINGS_FROM_ENVIRONMENT}
    return {name: value for name, value in values.items() if value}


def main() -> None:
    """Deploy the template, upload extracts and set the Variable."""
    s3_url, aws_url = os.environ["AWS_ENDPOINT_URL_S3"], os.environ["AWS_ENDPOINT_URL"]
    token, rows = os.environ["CRM_TOKEN"], int(os.environ["SEED_ROWS"])
    today = datetime.now(UTC).date()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        outputs = deploy(s3_url, aws_url, token, folder / "artifacts")
        stack = RunningStack(folder, s3_url, aws_url, CRM_URL, outputs, token)
        print(f"Deployed infra/pipeline.yaml: {', '.join(sorted(outputs.values()))}", flush=True)
        # Today and some days before: for the scheduled run, whose date is yesterday before 03:00, and for backfills.
        for back in reversed(range(int(os.environ["SEED_DAYS"]))):
            day = today - timedelta(days=back)
            extract = write_extract(folder / "activity.parquet", rows, day)
            stack.upload_activity(Path(extract.path), day.isoformat())
            print(f"Uploaded an extract of {extract.rows:,} users for {day}", flush=True)
        settings = stack.settings(max_requests_per_second=RATE, **chosen_settings(os.environ))
        document = folder / "variables.json"
        document.write_text(json.dumps({"engagement": settings}))
        subprocess.run(
            ["airflow", "variables", "import", str(document), "--action-on-existing-key", "skip"], check=True
        )


if __name__ == "__main__":
    main()
