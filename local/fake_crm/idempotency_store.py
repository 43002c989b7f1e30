"""Idempotency keys: the same key with the same payload is applied once and answered alike every time.

Millions of keys are kept, so an entry is two fingerprints of 60 bits rather than the key and the answer: the answer
to an applied update follows from the request itself, and only other stored answers are kept in full.
"""

from dataclasses import replace

from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, problem

_MASK = (1 << 59) - 1


class IdempotencyStore:
    """What became of each key."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        # 0: seen, not settled. Odd: applied, payload in the upper bits. Tuple: payload, answer to replay.
        self._entries: dict[int, int | tuple[int, FakeResponse]] = {}
        self._in_flight: dict[int, int] = {}
        self.requests_beyond_first = 0
        self.applied_twice = 0

    @property
    def distinct(self) -> int:
        """How many different keys were received."""
        return len(self._entries)

    def seen(self, key: str) -> None:
        """Count a request that carries this key, whatever becomes of it."""
        entry = _fingerprint(key)
        if entry in self._entries:
            self.requests_beyond_first += 1
        else:
            self._entries[entry] = 0

    def begin(self, key: str, payload: Payload, fresh: FakeResponse) -> FakeResponse | None:
        """Reserve the key and return None, or return the answer given instead of applying.

        :param fresh: what an applied update with this payload is answered
        """
        entry, given = _fingerprint(key), _fingerprint(payload)
        running = self._in_flight.get(entry)
        stored = self._entries.get(entry, 0)
        known, answer = stored if isinstance(stored, tuple) else (stored >> 1, fresh)
        if (running is not None and running != given) or (stored and known != given):
            return problem(422, "idempotency-key-reused", "This Idempotency-Key was used with another payload before.")
        if running is not None:
            return problem(409, "request-in-progress", "A request with this Idempotency-Key is being processed.")
        if stored:
            return replace(answer, headers={**answer.headers, "Idempotent-Replayed": "true"})
        self._in_flight[entry] = given
        return None

    def applied(self, key: str, payload: Payload) -> None:
        """Remember that the update was applied."""
        entry = _fingerprint(key)
        before = self._entries.get(entry, 0)
        self.applied_twice += isinstance(before, int) and before & 1
        self._entries[entry] = _fingerprint(payload) << 1 | 1

    def store(self, key: str, payload: Payload, answer: FakeResponse) -> None:
        """Remember an answer that was given without applying, to be replayed."""
        self._entries[_fingerprint(key)] = (_fingerprint(payload), answer)

    def end(self, key: str) -> None:
        """Release the key."""
        self._in_flight.pop(_fingerprint(key), None)


def _fingerprint(value: object) -> int:
    # A keyed 64-bit hash; masked, as an int of up to 60 bits takes a third less memory than a longer one.
    return hash(value) & _MASK
