"""What is neither measured here nor written in the product: prices and speeds of AWS, and how they are used."""

from __future__ import annotations

S3_WRITE_USD = 0.005 / 1000
"""For a PUT or a LIST: list price of us-east-1."""
S3_READ_USD = 0.0004 / 1000
S3_GB_MONTH_USD = 0.023
S3_SECONDS = 0.03
"""For a request of less than 512 KB; AWS says that the median is often tens of milliseconds."""
KEYS_PER_LIST = 1000
"""What S3 gives at a time."""
SLOTS_PER_WORKER = 4
"""Of a G.1X: as many tasks run on it at a time. One worker is the driver, which runs none."""
WORKER_BYTES = 16e9
"""Memory of a G.1X."""
EXTRACT_ROW = 12
"""Bytes of Parquet a user, as in the extracts that are made here."""
LEDGER_READS = 2
"""The job reads the ledger that it wrote for the outcomes, and once more for the snapshot."""
LEDGER_LISTS = 2
"""And lists it each time."""
HASH_COPIES = 2
"""Of 8 bytes each: the driver sorts a copy of the fingerprints that it collected."""

WORDS = (
    f"S3: {S3_WRITE_USD * 1000:g} US$ for 1,000 PUT or LIST requests, {S3_READ_USD * 1000:g} for 1,000 GET requests, "
    f"{S3_GB_MONTH_USD:g} for a GB a month (list prices of us-east-1); {S3_SECONDS * 1000:g} ms a request.",
    f"Workers are G.1X: {SLOTS_PER_WORKER} task slots each, one worker being the driver, which has none. Spark is as "
    "fast on them as on the machine of the measurement, and takes as long for each row whatever their number.",
    "Every record is answered at its first try, and the CRM takes as many requests as its limit allows.",
)
