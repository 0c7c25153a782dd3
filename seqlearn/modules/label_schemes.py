"""What the label schemes BIO and BIOES allow: which label may follow, start and end a sequence.

Spans as labels of steps: ``B-x`` begins a span of type x, ``I-x`` continues it, ``O`` is outside
all spans; BIOES also marks the last step of a span, ``E-x``, and a span of one step, ``S-x``. The
answer is what `seqlearn.modules.crf` takes as ``allowed``; reading and scoring spans is not here.
"""

from collections.abc import Sequence

import numpy as np

from seqlearn.errors import DataFormatError

__all__ = ["allowed_transitions"]

PREFIXES = {"BIO": "BI", "BIOES": "BIES"}  # of a type; both schemes have O besides


def allowed_transitions(
    labels: Sequence[str], scheme: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tell which label may follow which, and which may start and end a sequence.

    Parameters
    ----------
    labels : sequence of C distinct strings
        ``"O"``, or a prefix of the scheme, ``"-"`` and the type of the span, which may contain
        ``"-"`` itself. The order is that of the answers.
    scheme : {"BIO", "BIOES"}
        In BIO (IOB2), ``I-x`` stands after ``B-x`` or ``I-x`` only. In BIOES, moreover, ``B-x`` and
        ``I-x`` stand before ``I-x`` or ``E-x`` only, and ``E-x`` where ``I-x`` may.

    Returns
    -------
    transitions : ndarray of shape (C, C), bool
        ``[from, to]``. In BIOES, a label ``B-x`` whose ``E-x`` is not among ``labels`` can begin a
        span but never end it, so no complete sequence has it.
    starts : ndarray of shape (C,), bool
        False for ``I-x`` and ``E-x``.
    ends : ndarray of shape (C,), bool
        In BIOES, False for ``B-x`` and ``I-x``; in BIO all True.

    Raises
    ------
    DataFormatError
        A label is not one of the scheme.

    References
    ----------
    Ratinov and Roth (2009). Design challenges and misconceptions in named entity recognition. CoNLL
    (there BIOES is called BILOU).

    Examples
    --------
    >>> transitions, starts, ends = allowed_transitions(["O", "B-per", "I-per"], "BIO")
    >>> transitions
    array([[ True,  True, False],
           [ True,  True,  True],
           [ True,  True,  True]])
    >>> starts
    array([ True,  True, False])
    """
    _check_labels(labels, scheme)
    prefix = np.array([label[0] for label in labels], dtype="U1")  # (C,)
    kind = np.array([label[2:] for label in labels], dtype=object)  # (C,)
    inside = np.isin(prefix, ["I", "E"])
    opened = np.isin(prefix, ["B", "I"])
    continues = opened[:, None] & inside & (kind[:, None] == kind)  # (C, C)
    if scheme == "BIO":
        return continues | ~inside, ~inside, np.ones(len(labels), dtype=bool)
    return continues | (~opened[:, None] & ~inside), ~inside, ~opened


def _check_labels(labels: Sequence[str], scheme: str) -> None:
    """Refuse labels that are not of the scheme."""
    prefixes = PREFIXES[scheme]
    wrong = [
        label
        for label in labels
        if not isinstance(label, str)
        or (
            label != "O"
            and (label[:1] not in tuple(prefixes) or label[1:2] != "-" or not label[2:])
        )
    ]
    if wrong:
        shown = ", ".join(repr(label) for label in wrong[:5])
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise DataFormatError(
            f"These labels are not of the scheme {scheme}: {shown}{more}. Its labels are the "
            f"string 'O' and {', '.join(repr(p + '-x') for p in prefixes)} for each type x of "
            "span. Rename the labels, or use another scheme or none."
        )
