"""What the measurements were taken on, without its name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path


def cores() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def cpu_model() -> str:
    """The CPU's model as Linux names it; ARM machines do not."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else f"unnamed {os.uname().machine}"


def peak_memory() -> int:
    """Peak of this process's resident memory until now, in bytes. Linux only."""
    # Not ru_maxrss of getrusage: a child begins with that of its parent. See proc(5), VmHWM, in units of 1,024 bytes.
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM; peak memory is measured on Linux only")
    return int(found[1]) * 1024


def _clocks() -> tuple[float, float, float]:
    """CPU seconds so far: of all CPUs, of those not idle, and of this process and its ended children; see proc(5)."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(ticks) for ticks in line.split()[1:9])
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return (
        busy + (idle + iowait) / os.sysconf("SC_CLK_TCK"),
        busy,
        own.user + own.system + own.children_user + own.children_system,
    )


@dataclass(frozen=True)
class Watch:
    """How much of the machine other programs had since this was made: with much of it, figures mean little."""

    _since: tuple[float, float, float] = field(init=False, default_factory=_clocks)

    def elsewhere(self) -> float:
        """Share of all CPU time (0 to 1) that neither idled nor was ours; of our children only those that ended."""
        every, busy, own = (now - then for now, then in zip(_clocks(), self._since, strict=True))
        return max(0.0, busy - own) / every if every else 0.0
