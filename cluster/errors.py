"""Every error Openbook raises on purpose.

OpenbookError                what was wrong, the value got, what is allowed, what to do
├── UsageError               the caller asked for something malformed (exit 2, HTTP 400)
│   ├── SettingsError        a setting is unknown or has a bad value
│   └── InputError           a file or record given by the user cannot be used
├── NotFoundError            a corpus, dataset, adapter, alias or object does not exist (HTTP 404)
├── ConflictError            the state changed under us, or two things do not fit together (HTTP 409)
│   └── BusyError            somebody else holds the lock or the port
├── UnavailableError         a service we need does not answer (HTTP 503)
├── OverloadedError          queues are full, try again later (HTTP 429)
└── GateError                a quality gate or a preflight failed (exit 3)
"""


class OpenbookError(Exception):
    """Base of all; `str(error)` is a complete message for a person."""

    exit_code = 1


class UsageError(OpenbookError):
    """The request is malformed; repeating it unchanged cannot succeed."""

    exit_code = 2


class ContextError(UsageError):
    """Prompt and answer together are longer than the model's context."""


class SettingsError(UsageError):
    """A setting is unknown or its value is not allowed."""


class InputError(UsageError):
    """A file or record given by the user cannot be used; says where."""


class NotFoundError(OpenbookError):
    """A named thing does not exist; says which names do."""


class ConflictError(OpenbookError):
    """The state changed under us, or two things do not fit together."""


class BusyError(ConflictError):
    """Another process holds the lock or the port."""


class UnavailableError(OpenbookError):
    """A service does not answer; says which, where, and what to do."""


class OverloadedError(OpenbookError):
    """All queues are full; `retry_after_s` is when to come back."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class GateError(OpenbookError):
    """A quality gate or a preflight check failed."""

    exit_code = 3
