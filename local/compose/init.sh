#!/usr/bin/env bash
# One-shot service `init`: creates what an MWAA environment has after its creation. It can be repeated.
set -euo pipefail
airflow db migrate
# Deferred tasks keep their slot: one job of this pipeline runs at a time, backfills included.
airflow pools set engagement 1 "One score or push job at a time" --include-deferred
