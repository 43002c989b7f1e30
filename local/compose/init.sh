#!/usr/bin/env bash
# One-shot service `init`: what an environment of MWAA has once it is created. Can be repeated.
set -euo pipefail
airflow db migrate
# Deferred tasks keep their slot: one job of this pipeline at a time, whatever is backfilled.
airflow pools set engagement 1 "One score or push job at a time" --include-deferred
