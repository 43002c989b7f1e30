"""What ends a deployment."""


class DeployError(RuntimeError):
    """Something is not as it must be; the message says what was found, where, and what to do next."""
