"""The errors that a person can mend: one root, few leaves, a sentence that helps."""

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the unit's RestartPreventExitStatus names it


class MmiedError(Exception):
    """Something outside mmied's code is wrong; the message says what, where and what to try."""

    exit_status = EXIT_FAILURE


class ConfigError(MmiedError):
    """The configuration has mistakes; `mistakes` holds a sentence for each of them."""

    exit_status = EXIT_CONFIG

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


class ModelError(MmiedError):
    """A model cannot be opened, fed or trusted; `reason` is one of catalog.FAILURE_REASONS."""

    def __init__(self, message: str, reason: str = "load") -> None:
        self.reason = reason
        super().__init__(message)


class HistoryError(MmiedError):
    """The history cannot be opened, read or written."""


class NewerHistoryError(HistoryError):
    """The history was written by a newer mmied; starting again would not help."""

    exit_status = EXIT_CONFIG


class StartError(MmiedError):
    """The daemon cannot start where it was told to: a port in use, a read-only state directory."""

    exit_status = EXIT_CONFIG


class NotSent(MmiedError):
    """A target did not take a message."""
