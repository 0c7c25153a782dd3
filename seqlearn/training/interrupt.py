"""Whether the user pressed Ctrl-C: callbacks of skorch end a training with the same exception.

`seqlearn.training.net` asks while it trains. What a person interrupts goes on to the caller, who
may be a search over many fits; what a callback ends is a training like any other.
"""

import signal
import threading
from typing import Any

__all__ = ["Sigint"]


class Sigint:
    """Note the signal of Ctrl-C while inside, and leave it to whoever hears it otherwise.

    Signals reach the main thread alone; in another one nothing is noted.

    Attributes
    ----------
    came : bool
        Whether the signal came.

    Examples
    --------
    >>> with Sigint() as sigint:
    ...     total = sum(range(1000))
    >>> sigint.came
    False
    """

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None

    def __enter__(self) -> "Sigint":
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: Any) -> None:
        self.came = True
        self._before(number, frame)

    def __exit__(self, *error: Any) -> None:
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, self._before)
