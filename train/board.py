"""Where a run posts how it is getting on: a Ray actor, kept apart so that its process stays small."""


class Board:
    """The latest state of a run, posted by worker 0 and read by whoever shows it."""

    def __init__(self) -> None:
        self._latest: dict[str, float] = {"step": 0}

    def post(self, latest: dict[str, float]) -> None:
        """Replace the state."""
        self._latest = latest

    def read(self) -> dict[str, float]:
        """`step`, and once there is one `loss` and `tokens_per_second`."""
        return self._latest
