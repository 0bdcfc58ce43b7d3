"""What goes wrong, as exceptions with attributes."""

from __future__ import annotations

from typing import Optional, Tuple, Type


class Error(Exception):
    """Something that modeltrail cannot do. Its text says what happened, where, and what helps.

    Attributes
    ----------
    kind : str
        What kind of error it is, as in the command's JSON: ``"damaged"``, ``"nothing_in_common"``, …
    message : str
        The text, on one line.
    path : str or None
        The file, folder or name of a checkpoint that it is about.
    limit : (str, int) or None
        The limit on reading files that is met, and a value that is enough: ``limits={name: value}``.
    """

    def __init__(
        self,
        message: str,
        kind: str = "usage",
        path: Optional[str] = None,
        limit: Optional[Tuple[str, int]] = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.path = path
        self.limit = limit

    def __reduce__(self) -> Tuple[type, tuple]:  # type: ignore[type-arg]
        return type(self), (self.message, self.kind, self.path, self.limit)


class UsageError(Error, ValueError):
    """An argument that means nothing: a wrong type, a wrong name, a number out of its range."""


class ReadError(Error):
    """A file, or an array, that cannot be read: it is missing, damaged, unsupported, or too large."""


class UnreadError(Error):
    """Tensors of a type that is not supported, where an answer about the rest would mislead."""


class NothingToCompareError(Error):
    """Nothing could be read, or what was read has nothing in common."""


class NotFiniteError(Error):
    """Weights that are NaN or infinite, where an answer needs numbers."""


class ExistsError(Error, FileExistsError):
    """A file that would be replaced is there."""


class InternalError(Error):
    """A defect of modeltrail."""


_READ = (
    "unreadable unsuitable no_weights changed version io damaged newer_format not_a_store not_a_checkpoint "
    "missing unsupported no_model mismatch too_large code foreign store storage_full adapter unreachable refused"
)
_USAGE = (
    "usage count pattern no_tensor_matches history_missing not_after sketch_only no_such_tensor labels weights "
    "trajectory report"
)
_NOTHING = (
    "nothing_read nothing_to_compare nothing_in_common different_tensors several_architectures history "
    "uncalibrated"
)

_CLASSES: "dict[str, Type[Error]]" = {
    **{kind: ReadError for kind in _READ.split()},
    **{kind: UsageError for kind in _USAGE.split()},
    **{kind: NothingToCompareError for kind in _NOTHING.split()},
    "unread": UnreadError,
    "not_finite": NotFiniteError,
    "exists": ExistsError,
    "internal": InternalError,
}


def made(
    kind: str,
    message: str,
    path: Optional[str] = None,
    limit: Optional[Tuple[str, int]] = None,
) -> Error:
    """The exception of a kind of error."""
    return _CLASSES.get(kind, Error)(message, kind, path, limit)
