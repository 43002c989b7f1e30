"""The CRM's effective state: the score of each user, and how often scores were set."""


class ScoreStore:
    """Scores by user."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._scores: dict[str, str | None] = {}
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
        self.users += self._scores.get(user_id) is None
        self._scores[user_id] = score

    def state(self) -> dict[str, str]:
        """The users that have a score, in the order in which they first came."""
        return {user_id: score for user_id, score in self._scores.items() if score is not None}
