"""Settings of the whole process that a fit or prediction needs: set while any of them runs.

Fits and predictions in several threads share them. The first one sets them, and the last one to end
puts back what the first one found.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

__all__ = ["ProcessSettings"]


class ProcessSettings:
    """Settings that have a needed value while somebody is inside.

    Parameters
    ----------
    settings : sequence of (read, write, needed)
        How to read a setting, how to write it, and the value that it has inside.

    Examples
    --------
    >>> values = [1]
    >>> setting = ProcessSettings([(lambda: values[0], lambda new: values.insert(0, new), 2)])
    >>> setting.enter(), values[0]
    (True, 2)
    >>> setting.leave()
    >>> values[0]
    1
    """

    def __init__(self, settings: Sequence[tuple[Callable[[], Any], Callable[[Any], None], Any]]):
        self._settings, self._lock = settings, Lock()
        self._users = 0  # those inside that found a setting otherwise
        self._changed: list[tuple[Callable[[Any], None], Any]] = []  # how to put back what

    def enter(self) -> bool:
        """Set what is otherwise; return whether `leave` has to be called."""
        if not self._changed:
            for read, _, needed in self._settings:  # faster than all(), in every step of a stream
                if read() != needed:
                    break
            else:
                return False
        with self._lock:
            self._users += 1
            for read, write, needed in self._settings:
                theirs = read()
                if theirs != needed:
                    write(needed)
                    self._changed.append((write, theirs))
        return True

    def leave(self) -> None:
        """Put back what was otherwise, if this is the last one inside."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for write, theirs in reversed(self._changed):
                    write(theirs)
                self._changed.clear()  # last: who finds it empty finds the settings as they are
