"""The report by entity type, as text or as a dict; the numbers come from `scores`."""

from typing import Any

import numpy as np

from seqlearn.errors import InvalidParameterError
from seqlearn.metrics.joined import check_zero_division
from seqlearn.metrics.scores import Average, Measure, count_spans, measure
from seqlearn.metrics.span_borders import Mode, Scheme, check_reading


def classification_report_spans(
    y_true: Any,
    y_pred: Any,
    *,
    scheme: Scheme = "BIO",
    mode: Mode = "default",
    digits: int = 2,
    output_dict: bool = False,
    zero_division: float = 0.0,
) -> str | dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of true spans for each type, and their averages.

    Parameters
    ----------
    y_true, y_pred : list of N sequences, or ndarray of shape (N, T) or of (N,) sequences
        Labels such as ``"B-PER"`` and ``"O"``, one list, tuple or 1-D array of shape (T_i,) for
        each sequence, without padding.
    scheme : {"BIO", "IOB2", "BIOES", "IOBES", "BILOU"}, default="BIO"
        Which prefixes a label may have; see `spans`.
    mode : {"default", "strict"}, default="default"
        How faulty sequences are read; see `spans`.
    digits : int, default=2
        Decimal places in the text; the dict is not rounded.
    output_dict : bool, default=False
        Whether to return a dict instead of a text.
    zero_division : {0.0, 1.0}, default=0.0
        The score where there is nothing to be counted; see `span_f1_score`.

    Returns
    -------
    report : str, or dict of dict
        A line, or a dict with the keys ``"precision"``, ``"recall"``, ``"f1-score"`` and
        ``"support"``, for each type that has a true or a predicted span, sorted, and for
        ``"micro avg"``, ``"macro avg"`` and ``"weighted avg"``.

    Raises
    ------
    DataFormatError
        When `y_true` and `y_pred` differ in their lengths, hold no sequences, or hold a label that
        does not fit the scheme. A subclass of ValueError.
    InvalidParameterError
        When another parameter has a value that is not accepted. A subclass of ValueError.

    References
    ----------
    Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 Shared Task" (2003).
    Nakayama, "seqeval: A Python framework for sequence labeling evaluation" (2018), whose report
    has the same lines and keys.

    Examples
    --------
    >>> from seqlearn.metrics import classification_report_spans
    >>> y_true = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
    >>> y_pred = [["B-PER", "I-PER", "O", "O"], ["O", "B-LOC"]]
    >>> print(classification_report_spans(y_true, y_pred))
                  precision    recall  f1-score   support
    <BLANKLINE>
             LOC       1.00      0.50      0.67         2
             PER       1.00      1.00      1.00         1
    <BLANKLINE>
       micro avg       1.00      0.67      0.80         3
       macro avg       1.00      0.75      0.83         3
    weighted avg       1.00      0.67      0.78         3
    <BLANKLINE>
    """
    check_reading(scheme, mode)
    zero_division = check_zero_division(zero_division)
    if isinstance(digits, bool) or not isinstance(digits, int) or digits < 0:
        raise InvalidParameterError(
            f"digits={digits!r} is not accepted; give a whole number of decimal places, 0 or more."
        )
    counts = count_spans(y_true, y_pred, scheme, mode)

    def scores(average: Average | None) -> list:
        names: tuple[Measure, ...] = ("precision", "recall", "f1")
        found = [measure(counts, name, average, zero_division) for name in names]
        return [np.asarray(score).tolist() for score in found]

    rows = list(zip(counts.types, *scores(None), counts.true.tolist(), strict=True))
    for average in ("micro", "macro", "weighted"):
        rows.append((f"{average} avg", *scores(average), int(counts.true.sum())))
    columns = ("precision", "recall", "f1-score", "support")
    if output_dict:
        return {name: dict(zip(columns, numbers, strict=True)) for name, *numbers in rows}
    return _write_table(rows, columns, digits)


def _write_table(rows: list[tuple], columns: tuple[str, ...], digits: int) -> str:
    """Lay out the rows, the last three apart from the others."""
    width = max(len(name) for name, *_ in rows)
    column = max(9, digits + 2)
    lines = [" " * (width + 1) + "".join(f" {title:>{column}}" for title in columns), ""]
    for number, (name, *scores, support) in enumerate(rows):
        if number == len(rows) - 3 and number:
            lines.append("")
        cells = [f"{score:.{digits}f}" for score in scores] + [str(support)]
        lines.append(f"{name:>{width}} " + "".join(f" {cell:>{column}}" for cell in cells))
    return "\n".join([*lines, ""])
