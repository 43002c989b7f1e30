"""The fault matrix: what goes wrong, and what must come of it, counted at the CRM's side.

`python -m tests.faults` (`make faults`) runs every line of `scenarios` and writes docs/reference/fault-matrix.md; `--only NAME`
runs one of them. A line switches its fault on, runs the delivery, counts what the CRM received, and where rows were
left open runs the delivery once more without the fault. Lines about HTTP alone run the delivery core in a process
without Spark (`core`); the others run the push job on the Glue emulator (see `workers`).
"""
