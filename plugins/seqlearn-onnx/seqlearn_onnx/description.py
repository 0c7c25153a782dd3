"""What a file says of its model besides the graph: how X is read, and what the answers mean.

It stands as JSON in the file's metadata, under the key "seqlearn". `seqlearn_onnx.export` writes
it, `seqlearn_onnx.estimator` reads it; nothing here needs torch or onnx.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqlearn.data.input_record import InputRecord
from seqlearn.data.vocabulary import Vocabulary
from seqlearn.errors import ModelFileError

__all__ = ["KEY", "Description"]

KEY = "seqlearn"
FORMAT = 1  # of the description; older ones stay readable


@dataclass(frozen=True)
class Description:
    """What `OnnxEstimator` has to know.

    Attributes
    ----------
    estimator : str
        Class of what was exported.
    steps : list of str
        Classes of the scalers before it.
    task : {"class", "several", "steps", "numbers", "vectors"}
        One label a row, several of them, one a step, numbers of a row, or the vector of a row.
    classes : ndarray of shape (C,) or None
        The labels, if it gives any.
    shape : tuple of int
        Of the numbers of one row, () or (C,).
    input : InputRecord
        What X was in ``fit``.
    width : int or None
        Values a step, F; None of words.
    words : Vocabulary or None
        Words that have a code.
    extra : dict of str to int
        Codes of further words.
    """

    estimator: str
    steps: list[str]
    task: str
    classes: np.ndarray | None
    shape: tuple[int, ...]
    input: InputRecord
    width: int | None
    words: Vocabulary | None
    extra: dict[str, int]

    def text(self) -> str:
        """Return it as JSON."""
        words, names, classes = self.words, self.input.names, None
        if self.classes is not None:
            values = self.classes
            values = values.view(np.int64) if values.dtype.kind == "M" else values
            classes = {"dtype": self.classes.dtype.str, "values": values.tolist()}
        return json.dumps(
            {
                "format": FORMAT,
                "estimator": self.estimator,
                "steps": self.steps,
                "task": self.task,
                "classes": classes,
                "shape": self.shape,
                "input": {
                    "kind": self.input.kind,
                    "n_features": self.input.n_features,
                    "names": None if names is None else names.tolist(),
                    "widths": self.input.widths,
                },
                "width": self.width,
                "words": words
                and {
                    "words": words.words,
                    "lowercase": words.lowercase,
                    "fold_digits": words.fold_digits,
                },
                "extra": self.extra,
            }
        )

    @classmethod
    def read(cls, text: str | None, path: Any) -> "Description":
        """Return what `text` gave; refuse a file that has none, or of a newer format.

        Raises
        ------
        ModelFileError
            It is one of these, or what it says cannot be read.
        """
        if text is None:
            raise ModelFileError(
                f"{str(path)!r} is an ONNX file, but none that seqlearn_onnx.to_onnx wrote: it "
                "does not say how X is read and what its outputs mean. Run it with "
                "onnxruntime.InferenceSession."
            )
        try:
            found: dict[str, Any] = json.loads(text)
            if found["format"] <= FORMAT:
                return cls._of(found)
        except (ValueError, LookupError, TypeError, AttributeError) as cause:
            raise ModelFileError(
                f"What {str(path)!r} says of its model cannot be read ({type(cause).__name__}: "
                f"{cause}). Write it again with seqlearn_onnx.to_onnx."
            ) from cause
        raise ModelFileError(
            f"{str(path)!r} is of format {found['format']}, and this version of seqlearn-onnx "
            f"reads {FORMAT} and older. Update: python -m pip install -U seqlearn-onnx"
        )

    @classmethod
    def _of(cls, found: dict[str, Any]) -> "Description":
        classes, of_input, words = found["classes"], found["input"], found["words"]
        names, widths = of_input["names"], of_input["widths"]
        return cls(
            estimator=found["estimator"],
            steps=found["steps"],
            task=found["task"],
            classes=None if classes is None else _labels(**classes),
            shape=tuple(found["shape"]),
            input=InputRecord(
                kind=of_input["kind"],
                n_features=of_input["n_features"],
                names=None if names is None else np.array(names, dtype=object),
                widths=None if widths is None else tuple(widths),
                column=None,
            ),
            width=found["width"],
            words=words
            and Vocabulary(
                words["words"],
                np.zeros(len(words["words"])),
                lowercase=words["lowercase"],
                fold_digits=words["fold_digits"],
            ),
            extra=found["extra"],
        )


def _labels(dtype: str, values: list) -> np.ndarray:
    """Return labels of their own type."""
    kind = np.dtype(dtype)
    return np.array(values, np.int64).view(kind) if kind.kind == "M" else np.array(values, kind)
