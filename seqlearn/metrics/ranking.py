"""How far up recommendations have what was wanted: MRR, recall and NDCG at k, and coverage.

They are computed from ranks, so that a model can be asked once for all of them, without its table
of scores. Ties are broken against the model in `pessimistic_ranks`. `ranking_scorers` hands the
same measures to scikit-learn.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqlearn.data.messages import show
from seqlearn.data.targets import unpack_targets
from seqlearn.errors import DataFormatError
from seqlearn.metrics.steps import check_integer


def mrr_at_k(ranks: Any, k: int = 20) -> float:
    """Mean reciprocal rank: the mean of 1 / rank, where ranks beyond k count 0.

    Parameters
    ----------
    ranks : array-like of shape (N,), int
        Rank of the item that was wanted among all items, 1 = best; see `pessimistic_ranks`.
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError
        When `ranks` are not integers of 1 or more, or there are none. A subclass of ValueError.
    InvalidParameterError
        When `k` is not an integer of 1 or more.

    References
    ----------
    Hidasi, Karatzoglou, Baltrunas and Tikk (2016). Session-based recommendations with recurrent
    neural networks. Proceedings of ICLR 2016.

    Examples
    --------
    >>> from seqlearn.metrics import mrr_at_k
    >>> mrr_at_k([1, 2, 4, 50])
    0.4375
    >>> mrr_at_k([1, 2, 4, 50], k=2)
    0.375
    """
    ranks, k = _read_ranks(ranks), check_integer("k", k, 1)
    return float(np.where(ranks <= k, 1 / ranks, 0).mean())


def recall_at_k(ranks: Any, k: int = 20) -> float:
    """Share of the ranks that are k or better: how often the item was in the list.

    With one item wanted each time, this is the hit rate too.

    Parameters
    ----------
    ranks : array-like of shape (N,), int
        As in `mrr_at_k`.
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError, InvalidParameterError
        As in `mrr_at_k`.

    References
    ----------
    Hidasi, Karatzoglou, Baltrunas and Tikk (2016). Session-based recommendations with recurrent
    neural networks. Proceedings of ICLR 2016.

    Examples
    --------
    >>> from seqlearn.metrics import recall_at_k
    >>> recall_at_k([1, 2, 4, 50])
    0.75
    """
    ranks, k = _read_ranks(ranks), check_integer("k", k, 1)
    return float((ranks <= k).mean())


def ndcg_at_k(ranks: Any, k: int = 20) -> float:
    """Normalised discounted cumulative gain: the mean of 1 / log2(1 + rank), beyond k 0.

    With one item wanted each time, the best that can be reached is 1, so nothing else is divided.

    Parameters
    ----------
    ranks : array-like of shape (N,), int
        As in `mrr_at_k`.
    k : int, default=20
        Length of the list that is recommended, at least 1.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError, InvalidParameterError
        As in `mrr_at_k`.

    References
    ----------
    Järvelin and Kekäläinen (2002). Cumulated gain-based evaluation of IR techniques. ACM
    Transactions on Information Systems 20(4), 422-446.

    Examples
    --------
    >>> from seqlearn.metrics import ndcg_at_k
    >>> ndcg_at_k([1, 3, 50])
    0.5
    """
    ranks, k = _read_ranks(ranks), check_integer("k", k, 1)
    return float(np.where(ranks <= k, 1 / np.log2(1 + ranks), 0).mean())


def coverage_at_k(recommended: Any, n_items: int, k: int = 20) -> float:
    """Share of the catalogue that is recommended to anybody.

    Parameters
    ----------
    recommended : array-like of shape (N, L), or list of N lists
        Items recommended to each, the best first; any hashable ids, such as the first result of a
        recommender's ``recommend``.
    n_items : int
        Size of the catalogue, at least 1.
    k : int, default=20
        How many of each list count, at least 1; lists may be shorter.

    Returns
    -------
    score : float
        Between 0 and 1.

    Raises
    ------
    DataFormatError
        When an entry is no list of items, or more items occur than there are.
    InvalidParameterError
        When `n_items` or `k` is not an integer of 1 or more.

    References
    ----------
    Ge, Delgado-Battenfeld and Jannach (2010). Beyond accuracy: evaluating recommender systems by
    coverage and serendipity. Proceedings of RecSys 2010, 257-260.

    Examples
    --------
    >>> from seqlearn.metrics import coverage_at_k
    >>> coverage_at_k([["tea", "milk"], ["tea", "jam"]], n_items=4)
    0.75
    >>> coverage_at_k([["tea", "milk"], ["tea", "jam"]], n_items=4, k=1)
    0.25
    """
    n_items, k = check_integer("n_items", n_items, 1), check_integer("k", k, 1)
    seen: set = set()
    for i, row in enumerate(unpack_targets(recommended, "recommended")):
        if isinstance(row, str | bytes) or not isinstance(row, Iterable):
            raise DataFormatError(
                f"recommended, entry {i}, is {show(row)}, not a list of items. Give one list for "
                "each, or an array of shape (N, k)."
            )
        seen.update((row.tolist() if isinstance(row, np.ndarray) else list(row))[:k])
    if len(seen) > n_items:
        raise DataFormatError(
            f"recommended holds {len(seen)} different items, but n_items={n_items}. Give the size "
            "of the whole catalogue."
        )
    return len(seen) / n_items


def pessimistic_ranks(scores: Any, target: Any) -> np.ndarray:
    """Rank of the wanted item of each row; items with an equal score come before it.

    It is 1 plus the number of other items whose score is at least that of the wanted one. A model
    that gives all items the same score, as one that is untrained or saturated may, therefore has
    it last; counting the items above only would have it first. NaN ranks last too, and others that
    are NaN come before the wanted one.

    Parameters
    ----------
    scores : array-like of shape (N, n_items)
        Scores of all items, higher = better; or of shape (n_items,), for one row.
    target : array-like of shape (N,), int
        Column of the wanted item in each row; or one integer.

    Returns
    -------
    ranks : ndarray of shape (N,), int
        From 1 to n_items; one integer for one row.

    Raises
    ------
    DataFormatError
        When the shapes do not fit, or a target is no column. A subclass of ValueError.

    References
    ----------
    Hidasi and Czapp (2023). Widespread flaws in offline evaluation of recommender systems.
    Proceedings of RecSys 2023, 848-855.

    Examples
    --------
    >>> from seqlearn.metrics import pessimistic_ranks
    >>> pessimistic_ranks([[0.2, 0.9, 0.4], [0.0, 0.0, 0.0]], [2, 0])
    array([2, 3])
    """
    table = np.asarray(unpack_targets(scores, "scores"))
    wanted = np.asarray(target)
    rows = np.atleast_2d(table)
    fits = table.ndim in (1, 2) and wanted.shape == table.shape[:-1] and table.dtype.kind in "fiub"
    if not fits or wanted.dtype.kind not in "iu":
        raise DataFormatError(
            f"scores have shape {table.shape} ({table.dtype}) and target {wanted.shape} "
            f"({wanted.dtype}); numbers of shape (N, n_items) and integers of shape (N,) are "
            "needed, or (n_items,) and one integer."
        )
    columns = np.atleast_1d(wanted)
    wrong = np.flatnonzero((columns < 0) | (columns >= rows.shape[1]))
    if len(wrong):
        raise DataFormatError(
            f"target, row {wrong[0]}: {columns[wrong[0]]} is no column of scores, which has "
            f"{rows.shape[1]}. Leave out rows whose item is unknown, and say how many there were."
        )
    own = np.take_along_axis(rows, columns[:, None], axis=1)
    ranks = rows.shape[1] - (rows < own).sum(axis=1)  # comparisons with NaN are false
    return ranks if table.ndim == 2 else ranks[0]


def _read_ranks(ranks: Any) -> np.ndarray:
    """Return ranks as float64, so that they can be divided by."""
    given = unpack_targets(ranks, "ranks")
    array = np.asarray(given)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu" or array.min() < 1:
        raise DataFormatError(
            f"ranks are {show(ranks)}; at least one integer of 1 or more is needed, of shape (N,), "
            "where 1 is the best rank. pessimistic_ranks makes ranks out of scores."
        )
    return array.astype(np.float64)
