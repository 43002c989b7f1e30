"""Idempotency keys: the same key with the same payload is applied once and answered alike every time.

Millions of keys are kept, so an entry is two fingerprints of 60 bits rather than the key and the answer: the
answer to an applied update follows from the request itself, and only other stored answers are kept whole.
"""

from local.crm.answers import Answer, problem
from local.crm.checks import Payload

_MASK = (1 << 59) - 1


class KeyStore:
    """A bounded memory of keys. The oldest half is forgotten at once when the bound is reached."""

    def __init__(self, limit: int = 4_000_000) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        # 0: seen, nothing settled. Odd: applied, payload in the upper bits. Tuple: payload, answer to replay.
        self._young: dict[int, int | tuple[int, Answer]] = {}
        self._old: dict[int, int | tuple[int, Answer]] = {}
        self._in_flight: dict[int, int] = {}
        self.distinct = 0
        self.requests_beyond_first = 0
        self.forgotten = 0
        self.applied_twice = 0

    def seen(self, key: str) -> None:
        """Count a request that carries this key, whatever becomes of it."""
        entry = _fingerprint(key)
        if entry in self._young or entry in self._old:
            self.requests_beyond_first += 1
            return
        self.distinct += 1
        self._put(entry, 0)

    def begin(self, key: str, payload: Payload, fresh: Answer) -> Answer | None:
        """Reserve the key and return None, or return the answer given instead of applying.

        `fresh` is what an applied update with this payload is answered.
        """
        entry, told = _fingerprint(key), _fingerprint(payload)
        running = self._in_flight.get(entry)
        stored = self._young.get(entry) or self._old.get(entry) or 0
        known, answer = stored if isinstance(stored, tuple) else (stored >> 1, fresh)
        if (running is not None and running != told) or (stored and known != told):
            return problem(422, "idempotency-key-reused", "This Idempotency-Key was used with another payload before.")
        if running is not None:
            return problem(409, "request-in-progress", "A request with this Idempotency-Key is being processed.")
        if stored:
            return Answer(
                answer.status,
                answer.body,
                answer.content_type,
                {**answer.headers, "Idempotent-Replayed": "true"},
            )
        self._in_flight[entry] = told
        return None

    def applied(self, key: str, payload: Payload) -> None:
        """Remember that the update was applied."""
        entry = _fingerprint(key)
        before = self._young.get(entry) or self._old.get(entry) or 0
        if isinstance(before, int) and before & 1:
            self.applied_twice += 1
        self._put(entry, _fingerprint(payload) << 1 | 1)

    def store(self, key: str, payload: Payload, answer: Answer) -> None:
        """Remember an answer that was given without applying, to be replayed."""
        self._put(_fingerprint(key), (_fingerprint(payload), answer))

    def end(self, key: str) -> None:
        """Release the key."""
        self._in_flight.pop(_fingerprint(key), None)

    def _put(self, entry: int, value: int | tuple[int, Answer]) -> None:
        self._old.pop(entry, None)
        self._young[entry] = value
        if len(self._young) * 2 > self._limit:
            self.forgotten += len(self._old)
            self._old, self._young = self._young, {}


def _fingerprint(value: object) -> int:
    # A keyed 64-bit hash; masked, as an int of up to 60 bits takes a third less memory than a longer one.
    return hash(value) & _MASK
