"""The CRM's effective state: the score of each user, and how often it was set."""

from collections.abc import Iterator


class Book:
    """Scores by user. Counts beyond the first are kept apart, so that the usual user costs one dict slot."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._scores: dict[str, str | None] = {}
        self._applied_again: dict[str, int] = {}
        self.applied = 0
        self.users = 0
        self.requests_beyond_first = 0

    def seen(self, user_id: str) -> None:
        """Count a request that names this user, whatever becomes of it."""
        if user_id in self._scores:
            self.requests_beyond_first += 1
        else:
            self._scores[user_id] = None

    def apply(self, user_id: str, score: str) -> None:
        """Set the score of a user."""
        self.applied += 1
        if self._scores.get(user_id) is None:
            self.users += 1
        else:
            self._applied_again[user_id] = self._applied_again.get(user_id, 0) + 1
        self._scores[user_id] = score

    def entries(self) -> Iterator[tuple[str, str, int]]:
        """Yield user, score and times applied, as of now, in the order in which the users first came."""
        again = dict(self._applied_again)
        for user_id, score in list(self._scores.items()):
            if score is not None:
                yield user_id, score, 1 + again.get(user_id, 0)
