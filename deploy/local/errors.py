"""What can go wrong with the local stack, said in one line with the way to mend it."""

from __future__ import annotations

import errno


class StackError(Exception):
    """Something the person at the keyboard can mend. ``what`` is one line; ``mend`` says how, and may be empty."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what}\n  {self.mend}" if self.mend else self.what


def explain_os_error(error: OSError, doing: str) -> StackError:
    """``error`` as a message: a full disk, a missing permission, or what the system said."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StackError(
            f"The disk is full: {doing}{where}", "Free some space (the stack wants about 2 GB), then try again."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StackError(f"Permission denied: {doing}{where}", "Run as the user who owns this folder.")
    return StackError(f"{doing}: {error.strerror or error}{where}")
