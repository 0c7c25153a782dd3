"""The method ``save`` of estimators and transformers. What it does is in `seqlearn.persistence`.

That is imported by a call alone: transformers need no torch.
"""

from typing import Any

__all__ = ["Saved"]


class Saved:
    """An estimator with the method ``save``."""

    def save(self, path: Any, *, training_state: bool = False) -> None:
        """Save this fitted estimator as one file without code; `seqlearn.load` gives it back.

        Parameters
        ----------
        path : str or path-like
            Where to. A file that is there is replaced.
        training_state : bool, default=False
            Keep the optimiser's state too, so that training can go on as if never saved.

        Returns
        -------
        None

        Raises
        ------
        ModelFileError
            It is not fitted, or holds what no file can: it is named.
        """
        from seqlearn.persistence import save

        save(self, path, training_state=training_state)
