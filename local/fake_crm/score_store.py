"""The state of the CRM: the score of each user, and how often scores were set."""


class ScoreStore:
    """Scores by user, and counts of requests and applied updates."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove all scores and counts."""
        self._scores: dict[str, str | None] = {}
        self.applied = 0
        self.users = 0
        self.requests_beyond_first = 0

    def count_request(self, user_id: str) -> None:
        """Count a request that names this user, even if it is refused later."""
        if user_id in self._scores:
            self.requests_beyond_first += 1
        else:
            self._scores[user_id] = None

    def has_score(self, user_id: str) -> bool:
        """Return whether the score of a user was set."""
        return self._scores.get(user_id) is not None

    def apply(self, user_id: str, score: str) -> None:
        """Set the score of a user."""
        self.applied += 1
        self.users += not self.has_score(user_id)
        self._scores[user_id] = score

    def state(self) -> dict[str, str]:
        """Return the users that have a score, in the order of their first request."""
        return {user_id: score for user_id, score in self._scores.items() if score is not None}
