"""`python -m local.aws_emulator --root DIR --s3-url URL`: print one JSON line when ready, end at SIGTERM or SIGINT."""

import argparse
import json
from pathlib import Path

from local.aws_emulator.server import serve
from local.s3_emulator import end_signal


def main() -> None:
    """Serve until a signal arrives, then stop all job runs and Airflow."""
    parser = argparse.ArgumentParser(
        prog="python -m local.aws_emulator",
        description="CloudFormation, Glue, MWAA, IAM, Secrets Manager, CloudWatch, SNS and others on one port.",
        epilog="Environment: LOCAL_GLUE_PYTHON, LOCAL_GLUE_SECONDS_PER_MINUTE, LOCAL_GLUE_STOP_GRACE_SECONDS, "
        "LOCAL_GLUE_START_SECONDS.",
    )
    parser.add_argument("--root", type=Path, required=True, help="folder that S3 serves, one subfolder per bucket")
    parser.add_argument("--s3-url", required=True, help="URL of S3 (see local.s3_emulator)")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    parser.add_argument("--scratch", type=Path, help="folder of job runs and Airflow (default: glue, next to --root)")
    args = parser.parse_args()
    ended = end_signal()
    with serve(args.root, args.s3_url, port=args.port, host=args.host, scratch=args.scratch) as url:
        print(json.dumps({"url": url}), flush=True)
        ended.get()


if __name__ == "__main__":
    main()
