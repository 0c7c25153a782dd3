"""Holding rows out for early stopping: a part that training never sees.

Rows that are equal have been merged before (`seqlearn.data.merge_rows`), so no row can stand on
both sides.
"""

import numpy as np

from seqlearn.errors import DataFormatError

__all__ = ["hold_out"]


def hold_out(strata: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows at random into a training and a validation part, each stratum alike.

    A stratum of one row stays in the training part, so every class that occurs is trained on;
    of the others about ``fraction`` of the rows are held out, and at least one stays in training.

    Parameters
    ----------
    strata : ndarray of shape (N,), int
        Class code of each row; all zero to split without strata.
    fraction : float
        Share of the rows to hold out, in (0, 1).
    seed : int
        Fixes the choice.

    Returns
    -------
    train, valid : ndarray of int
        Row numbers, ascending, without overlap.

    Raises
    ------
    DataFormatError
        No row can be held out.

    Examples
    --------
    >>> train, valid = hold_out(np.array([0, 0, 0, 0, 1, 1, 1, 1, 2]), 0.25, seed=0)
    >>> len(train), len(valid)
    (7, 2)
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]  # strata together, random within
    _, starts, sizes = np.unique(strata[order], return_index=True, return_counts=True)
    shared = np.where(sizes > 1, sizes, 0)
    wanted = shared * fraction
    quotas = np.floor(wanted).astype(int)
    short = max(round(shared.sum() * fraction), 1) - quotas.sum()
    quotas[np.argsort(quotas - wanted, kind="stable")[:short]] += 1  # largest remainders first
    quotas = np.minimum(quotas, sizes - 1)
    if quotas.sum() == 0:
        raise DataFormatError(
            f"early_stopping=True cannot hold out any of {len(strata)} distinct rows: each class "
            "needs at least two for one to be held out. Fit on more rows, or with "
            "early_stopping=False."
        )
    valid = np.concatenate([order[a : a + quota] for a, quota in zip(starts, quotas, strict=True)])
    return np.setdiff1d(order, valid), np.sort(valid)
