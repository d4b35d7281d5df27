"""The kinds of failure. Whoever catches one knows what to do without reading its text."""


class CollectorError(Exception):
    """Base of the collector's errors; its text says what happened and the way out, and is fit for a user.

    `status` and `after` are what to answer a client that waits: an HTTP status, and after how many seconds the same request
    may be tried again, None for never. By default nobody's request is at fault: a client may keep it and come back.
    """

    status = 503
    after: int | None = 30


class RefusedError(CollectorError):
    """Never again: the same request will be refused the same way."""

    after = None

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class RetryableError(CollectorError):
    """Not now: the same request may pass later."""

    def __init__(self, message: str, after: int = 1) -> None:
        super().__init__(message)
        self.after = after


class UndecidedError(CollectorError):
    """Not now, and it may have been done all the same, in part or whole: undo it before it is tried again."""


class PermanentError(CollectorError):
    """The store refuses these bytes for what they are: they have to be isolated and kept."""


class StartError(CollectorError):
    """The platform cannot start; the text says why and what to do."""
