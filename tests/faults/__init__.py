"""The fault matrix: what goes wrong and what has to come of it, counted at the CRM.

`python -m tests.faults` (`make faults`) runs every scenario and writes docs/reference/fault-matrix.md; `--only NAME`
runs some. A scenario turns its fault on, runs the delivery, counts what the CRM received, and, if it left users open,
runs the delivery again without the fault. Scenarios about HTTP alone run the delivery core in a process without Spark
(`core_worker`); the others run the push job on the Glue emulator (`glue_worker`).
"""
