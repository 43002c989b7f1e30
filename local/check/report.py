"""What `make check` prints about the rows of an extract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.demo_table import format_rows

SAMPLES = 2
_BAR_WIDTH = 40


def format_invalid_rows(folder: Path) -> str:
    """Count the invalid rows by reason, each reason with its first rows; empty if there are none.

    :param folder: where the scoring job wrote them as JSON lines
    """
    counts: dict[str, int] = {}
    samples: dict[str, list[str]] = {}
    for file in sorted(folder.glob("part-*")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                reason = row.pop("reason")
                counts[reason] = counts.get(reason, 0) + 1
                if len(shown := samples.setdefault(reason, [])) < SAMPLES:
                    shown.append(json.dumps(row, ensure_ascii=False))
    text = f"invalid rows, all in {folder}:\n" if counts else ""
    for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        text += f"  {count:>9,} {reason}\n" + "".join(f"{'':12}{sample}\n" for sample in samples[reason])
    return text


def format_scores(manifest: Mapping[str, Any]) -> str:
    """Format the rows, the files and the histogram of a scores manifest.

    :param manifest: the document that the scoring job wrote
    """
    histogram = manifest["histogram"]
    tallest, width = max(*histogram, 1), 100 // len(histogram)
    lines = [f"score_users: {format_rows(manifest['rows'])}, weights {manifest['weights']['version']}"]
    if len(manifest["input"]) > 1:
        lines += [f"  {file['rows']:>9,} rows in {file['key']}" for file in manifest["input"]]
    for number, count in enumerate(histogram):
        bar = "█" * -(-count * _BAR_WIDTH // tallest)
        lines.append(f"  {number * width:>3} to {(number + 1) * width:>3} {count:>9,} {bar}".rstrip())
    return "\n".join(lines)
