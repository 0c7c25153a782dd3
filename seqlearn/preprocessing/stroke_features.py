"""`StrokeFeatures`: pen paths become sequences of equally long steps along the ink.

All paths are resampled at once: their strokes are laid end to end on one axis, the way of the pen.
"""

from typing import Any

import numpy as np

from seqlearn.data.containers import as_array, unpack, unpack_tensor
from seqlearn.data.messages import listed, show
from seqlearn.data.refusals import packages_of
from seqlearn.data.sequences import Sequences
from seqlearn.errors import DataFormatError
from seqlearn.parameter_checks import check_parameters, number
from seqlearn.preprocessing.stateless import StatelessTransformer, refuse_named_tuple

__all__ = ["StrokeFeatures"]

SPACING = number("[0.001, 1]", said="a number from 0.001 to 1")
NAMES = ("dx", "dy", "pen_up", "height", "turn_cos", "turn_sin")
ACCEPTED = (
    "a list of N paths, each an array of shape (T_i, 2), (T_i, 3) with 1 where the pen is down and "
    "0 where it is not, or a list of strokes of shape (n, 2)"
)
FLATTEST = 50  # a path this many times as wide as high is measured by its width
LARGEST = 1e100  # size of a coordinate; squares of differences are finite
LEAST = 1e-3  # length of a move that has a direction
SLACK = 1e-6  # of a step: rounding must not make one more


class StrokeFeatures(StatelessTransformer):
    """Turn pen paths into steps of equal length along the ink.

    The speed of the pen, how often the tablet looked, where on it was written and how large: all
    that is taken out. Each stroke is resampled at equal distances along its length, ends included,
    and each resampled point is a step with six values:

    - ``dx`` and ``dy``: the way from the point before, in units of the distance;
    - ``pen_up``: 1 if the pen came to this point through the air, as to the first of each stroke;
    - ``height``: where the point lies between the lowest (0) and the highest (1) of the path;
    - ``turn_cos`` and ``turn_sin``: by how much the direction changes at this point, 1 and 0
      where it goes straight on or there is no direction.

    Nothing is learned, so `transform` needs no `fit`, and moving or scaling a path changes nothing.
    How a path is slanted or turned, and in which direction it was written, stays.

    Parameters
    ----------
    spacing : float, default=0.1
        Distance of the points, in units of the height of the path. A path that is more than 50
        times as wide as high is measured by a fiftieth of its width.

    See Also
    --------
    MelFeatures : Waveforms.

    Notes
    -----
    A stroke of length L has ``ceil(L / spacing) + 1`` points, a little closer than ``spacing`` so
    that they end where it ends; a dot has one. Points at which a third column says 0 are left out,
    and what lies between them are the strokes.

    References
    ----------
    Graves, Liwicki, Fernandez, Bertolami, Bunke and Schmidhuber, "A novel connectionist system for
    unconstrained handwriting recognition" (2009).

    Examples
    --------
    >>> import numpy as np
    >>> from seqlearn.preprocessing import StrokeFeatures
    >>> letter = [[[0, 2], [0, 0], [1, 0]], [[0, 1], [1, 1]]]  # two strokes
    >>> path = StrokeFeatures(spacing=0.5).transform([letter])[0]
    >>> path.shape
    (6, 6)
    >>> path[:, :3]
    array([[ 0.,  0.,  1.],
           [ 0., -1.,  0.],
           [ 0., -1.,  0.],
           [ 1.,  0.,  0.],
           [-1.,  1.,  1.],
           [ 1.,  0.,  0.]], dtype=float32)
    """

    def __init__(self, spacing: float = 0.1):
        self.spacing = spacing

    def fit(self, X: Any, y: Any = None) -> "StrokeFeatures":
        """Check the parameter and the paths; nothing is learned.

        Parameters
        ----------
        X : list of N arrays of shape (T_i, 2) or (T_i, 3), or of N lists of strokes
            Pen paths; x grows to the right.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``spacing`` is not a number from 0.001 to 1.
        DataFormatError
            X is not as above, or a path has no point or one that is not finite.
        """
        check_parameters(self, {"spacing": SPACING})
        _read_paths(X)
        return self

    def transform(self, X: Any) -> list[np.ndarray]:
        """Return the steps of each path.

        Parameters
        ----------
        X : list of N arrays of shape (T_i, 2) or (T_i, 3), or of N lists of strokes
            Pen paths; x grows to the right.

        Returns
        -------
        list of N arrays of shape (T'_i, 6), float32

        Raises
        ------
        InvalidParameterError
            ``spacing`` is not a number from 0.001 to 1.
        DataFormatError
            X is not as above, or a path has no point or one that is not finite.
        """
        check_parameters(self, {"spacing": SPACING})
        paths = _read_paths(X)
        values, offsets = _steps(paths, float(self.spacing))
        return list(Sequences(values.astype(np.float32), offsets))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the values of a step.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str
        """
        return np.array(NAMES, dtype=object)


# Reading.


def _read_paths(X: Any) -> list[list[np.ndarray]]:
    """Return the strokes of each path, arrays of shape (n, 2), n > 0."""
    refuse_named_tuple(X)
    rows = unpack(X)
    if not isinstance(rows, list | np.ndarray | Sequences):
        raise DataFormatError(
            f"X is {show(rows)}, a {type(rows).__name__}; StrokeFeatures accepts {ACCEPTED}."
        )
    if len(rows) == 0:
        raise DataFormatError("X holds no paths; StrokeFeatures needs at least one.")
    if isinstance(rows, np.ndarray) and rows.ndim < 3 and rows.dtype != object:
        raise DataFormatError(
            f"X is one array of shape {rows.shape}; StrokeFeatures accepts {ACCEPTED}. Pass a "
            "single path as [path]."
        )
    return [_strokes(row, f"Path {i} of X") for i, row in enumerate(rows)]


def _strokes(row: Any, name: str) -> list[np.ndarray]:
    is_list = isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.dtype == object)
    if is_list and len(row) and all(_depth(stroke) == 2 for stroke in row):
        strokes = [_points(stroke, f"{name}, stroke {i},", 2) for i, stroke in enumerate(row)]
    else:
        points = _points(row, name, 3)
        strokes = [points] if points.shape[1] == 2 else _between_lifts(points, name)
    strokes = [stroke for stroke in strokes if len(stroke)]
    if not strokes:
        raise DataFormatError(
            f"{name} has no point with the pen down. Leave it out, and its target."
        )
    return strokes


def _depth(stroke: Any) -> int:
    """Return 2 for a list of points, which may be empty."""
    if hasattr(stroke, "ndim"):
        return stroke.ndim
    if not isinstance(stroke, list | tuple):
        return 0
    return 2 if not len(stroke) or hasattr(stroke[0], "__len__") else 1


def _points(row: Any, name: str, most: int) -> np.ndarray:
    """Return points as (n, 2), or (n, 3) if that is the most, float64 and finite."""
    array = as_array(unpack_tensor(row) if "torch" in packages_of(row) else row, name)
    if array.size == 0:
        return np.empty((0, 2))
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as cause:
        raise DataFormatError(
            f"{name} does not hold numbers: {cause}. StrokeFeatures accepts {ACCEPTED}."
        ) from cause
    if array.ndim != 2 or not 2 <= array.shape[1] <= most:
        raise DataFormatError(
            f"{name} has shape {array.shape}; StrokeFeatures accepts {ACCEPTED}. Choose the "
            "columns of x and y, and leave out times and pressures."
        )
    bad = np.flatnonzero(~(np.abs(array) <= LARGEST).all(axis=1))
    if len(bad):
        raise DataFormatError(
            f"{name} has coordinates that are NaN, infinite or beyond {LARGEST:g}, at "
            f"point{'s' * (len(bad) > 1)} {listed(bad)}. Leave these points out, or cut the stroke "
            "in two there."
        )
    return array


def _between_lifts(points: np.ndarray, name: str) -> list[np.ndarray]:
    """Return the runs of points with the pen down."""
    down = points[:, 2]
    if not np.isin(down, (0, 1)).all():
        raise DataFormatError(
            f"{name} has {listed(np.unique(down[~np.isin(down, (0, 1))]))} in its third column, "
            "which says whether the pen is down: 1, or 0 where it is in the air. For pressures, "
            "that is pressure > 0."
        )
    borders = np.flatnonzero(np.diff(down)) + 1
    return [run[:, :2] for run in np.split(points, borders) if run[0, 2]]


# Computing.


def _steps(paths: list[list[np.ndarray]], spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of all paths, (S, 6), and where each path begins, (N + 1,)."""
    strokes = [stroke for path in paths for stroke in path]
    points = np.concatenate(strokes)  # (P, 2)
    counts = np.fromiter(map(len, strokes), np.intp, len(strokes))
    path_of_stroke = np.repeat(np.arange(len(paths)), list(map(len, paths)))
    path_of_point = np.repeat(path_of_stroke, counts)
    points, top = _in_units(points, path_of_point, spacing)

    # The way of the pen; between two strokes lies a unit in which nothing is asked for.
    begins = np.cumsum(counts) - counts
    lengths = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    lengths[begins] = 1.0
    way = np.cumsum(lengths)
    length = way[begins + counts - 1] - way[begins]
    n_points = np.ceil(np.maximum(length - SLACK, 0)).astype(np.intp) + 1
    stroke = np.repeat(np.arange(len(strokes)), n_points)
    first = np.cumsum(n_points) - n_points  # of each stroke
    share = (np.arange(len(stroke)) - first[stroke]) / np.maximum(n_points - 1, 1)[stroke]
    asked = way[begins][stroke] + share * length[stroke]
    ink = np.stack([np.interp(asked, way, points[:, i]) for i in (0, 1)], axis=1)  # (S, 2)

    path = path_of_stroke[stroke]
    offsets = np.searchsorted(path, np.arange(len(paths) + 1))
    moves = np.diff(ink, axis=0, prepend=ink[:1])
    moves[offsets[:-1]] = 0.0
    pen_up = np.zeros(len(ink))
    pen_up[first] = 1.0
    height = ink[:, 1] / top[path]
    turn = _turns(moves, first)
    return np.column_stack([moves, pen_up, height, turn]), offsets


def _in_units(
    points: np.ndarray, path: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return points from the lowest corner of their path on, in steps, and each path's height."""
    begins = np.flatnonzero(np.diff(path, prepend=-1))
    low = np.minimum.reduceat(points, begins)
    points = points - low[path]
    width, height = np.maximum.reduceat(points, begins).T
    size = np.maximum(height, width / FLATTEST)
    unit = np.where(size > 0, size, 1.0) * spacing
    top = np.where(height > 0, height, 1.0) / unit
    return points / unit[path][:, None], top


def _turns(moves: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return cosine and sine of the turn at each point, (S, 2): from its move to the next."""
    lengths = np.hypot(*moves.T)[:, None]
    direction = np.where(lengths > LEAST, moves, 0.0) / np.maximum(lengths, LEAST)
    x, y = direction[:-1].T
    next_x, next_y = direction[1:].T
    turns = np.tile([1.0, 0.0], (len(moves), 1))
    turns[:-1] = np.stack([x * next_x + y * next_y, x * next_y - y * next_x], axis=1)
    # No turn at either end of a stroke, nor beside a move without a direction.
    turns[first] = turns[np.append(first[1:], len(moves)) - 1] = [1.0, 0.0]
    turns[~np.any(turns, axis=1)] = [1.0, 0.0]
    return turns
