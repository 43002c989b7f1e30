"""Where the elements of the design end: the most users that each takes, found on the paper, not guessed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.scale.elements import Element
from benchmarks.scale.measurements import Break

_ENOUGH = 10**10


def breaks(elements: Sequence[Element], crm_limits: Sequence[int]) -> list[Break]:
    """Each element with the most users that it takes at each limit of the CRM."""
    return [
        Break(
            element=each.element,
            threshold=each.threshold,
            kind=each.kind,
            users=[_most(each.fits, limit) for limit in crm_limits],
            beyond=each.beyond,
        )
        for each in elements
    ]


def _most(fits: Callable[[int, float], bool], limit: float) -> int | None:
    """The most users that fit; None when that is more than there are people."""
    if fits(_ENOUGH, limit):
        return None
    least, most = 0, _ENOUGH
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle, limit) else (least, middle)
    return least
