"""One-shot service `deploy`: what deploying does on AWS, then a few days' extracts and the Variable.

Can be repeated: `make up` on a running stack uploads the jobs and the extracts again, and leaves a Variable
that somebody has edited as it is.
"""

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.extract import write_extract
from local.stack import RunningStack, deploy

CRM_URL = "http://crm:8090"
RATE = 1_000.0  # requests a second; the setting's own default is meant for a CRM that others use, too


def main() -> None:
    """Deploy, upload, set the Variable."""
    s3_url, aws_url = os.environ["AWS_ENDPOINT_URL_S3"], os.environ["AWS_ENDPOINT_URL"]
    token, rows = os.environ["CRM_TOKEN"], int(os.environ["SEED_ROWS"])
    today = datetime.now(UTC).date()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        outputs = deploy(s3_url, aws_url, token, folder / "artifacts")
        world = RunningStack(folder, s3_url, aws_url, CRM_URL, outputs, token)
        print(f"deployed infra/pipeline.yaml: {', '.join(sorted(outputs.values()))}", flush=True)
        # Today's and some earlier ones: for the scheduled run, which is yesterday's before 03:00, and for a backfill.
        for back in reversed(range(int(os.environ["SEED_DAYS"]))):
            day = today - timedelta(days=back)
            extract = write_extract(folder / "activity.parquet", rows, day)
            world.upload_activity(Path(extract.path), day.isoformat())
            print(f"uploaded an extract of {extract.rows:,} users for {day}", flush=True)
        settings = world.settings(max_requests_per_second=RATE, report_url=os.environ["REPORT_URL"])
        document = folder / "variables.json"
        document.write_text(json.dumps({"engagement": settings}))
        subprocess.run(
            ["airflow", "variables", "import", str(document), "--action-on-existing-key", "skip"], check=True
        )


if __name__ == "__main__":
    main()
