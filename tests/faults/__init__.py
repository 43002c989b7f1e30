"""The fault matrix: the push job against everything that goes wrong, through real Spark, judged at the CRM's side.

`python -m tests.faults` (`make faults`) runs every line of `scenarios` and writes docs/fault-matrix.md; `--only NAME`
runs one of them. A line switches its fault on, runs the job, counts what the CRM received, and where rows were left
open runs the job once more without the fault.
"""
