"""Idempotency keys: a key with the same payload is applied once and gets the same response every time.

A run has millions of keys, so an entry holds two 59-bit hashes instead of the key and the response. The response to an
applied update follows from the request; only other stored responses are kept in full.
"""

from dataclasses import replace

from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, problem

_MASK = (1 << 59) - 1


class IdempotencyStore:
    """The state of each idempotency key."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove all keys and counts."""
        # 0: received, not settled. Odd: applied; upper bits: the payload's hash. Tuple: its hash, response to replay.
        self._entries: dict[int, int | tuple[int, FakeResponse]] = {}
        self._in_flight: dict[int, int] = {}
        self.requests_beyond_first = 0
        self.applied_twice = 0

    @property
    def distinct(self) -> int:
        """The number of different keys that were received."""
        return len(self._entries)

    def count_request(self, key: str) -> None:
        """Count a request that has this key, even if it is refused later."""
        entry = _hash(key)
        if entry in self._entries:
            self.requests_beyond_first += 1
        else:
            self._entries[entry] = 0

    def begin(self, key: str, payload: Payload, fresh: FakeResponse) -> FakeResponse | None:
        """Reserve the key and return None, or return the response that takes the place of applying the update.

        :param fresh: the response to an applied update with this payload
        """
        entry, payload_hash = _hash(key), _hash(payload)
        running = self._in_flight.get(entry)
        stored = self._entries.get(entry, 0)
        stored_hash, response = stored if isinstance(stored, tuple) else (stored >> 1, fresh)
        if (running is not None and running != payload_hash) or (stored and stored_hash != payload_hash):
            return problem(422, "idempotency-key-reused", "This Idempotency-Key was used with another payload before.")
        if running is not None:
            return problem(409, "request-in-progress", "A request with this Idempotency-Key is being processed.")
        if stored:
            return replace(response, headers={**response.headers, "Idempotent-Replayed": "true"})
        self._in_flight[entry] = payload_hash
        return None

    def mark_applied(self, key: str, payload: Payload) -> None:
        """Store that the update was applied."""
        entry = _hash(key)
        before = self._entries.get(entry, 0)
        if isinstance(before, int) and before % 2 == 1:
            self.applied_twice += 1
        self._entries[entry] = _hash(payload) << 1 | 1

    def store(self, key: str, payload: Payload, response: FakeResponse) -> None:
        """Store a response to replay, given without applying the update."""
        self._entries[_hash(key)] = (_hash(payload), response)

    def release(self, key: str) -> None:
        """Release the key."""
        self._in_flight.pop(_hash(key), None)


def _hash(value: object) -> int:
    # A keyed 64-bit hash, masked: an int of up to 60 bits takes less memory than a longer one.
    return hash(value) & _MASK
