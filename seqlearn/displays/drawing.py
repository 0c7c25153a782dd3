"""Drawing with matplotlib: axes, lines, fans of intervals and dates.

matplotlib is an optional dependency (extra "plot") and imported in the functions that need it.
What is drawn is decided by the displays, which call this file.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from seqlearn.errors import InvalidParameterError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

LIGHTEST, DARKEST = 0.82, 0.45  # share of white in the shade of the widest and narrowest interval
SPACE = "\u2423"  # what white space is drawn as
WIDTH_OF_ONE_STEP = 7.0  # points
INCH_A_STEP, LEAST_INCHES, MOST_INCHES = 0.28, 6.0, 14.0


def check_matplotlib(caller: str) -> None:
    """Refuse if matplotlib is not installed; ``caller`` is what needs it."""
    try:
        import matplotlib.pyplot  # noqa: F401
    except ImportError as cause:
        raise MissingDependencyError(
            f"{caller} requires matplotlib, which cannot be imported: {cause}. Install it with "
            'pip install "scikit-seqlearn[plot]".'
        ) from cause


def make_axes(
    ax: Any, names: list, *, what: str = "variables", by: str = "variable", width: float = 6
) -> np.ndarray:
    """Return one axes for each variable, (V,): those given, or new ones above each other.

    ``what`` is what is drawn on them, ``by`` the parameter that chooses some, ``width`` in inches.
    """
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        height = 3.5 if len(names) == 1 else 0.9 + 1.6 * len(names)  # inches
        _, axes = plt.subplots(
            len(names), squeeze=False, sharex=True, figsize=(width, height), layout="constrained"
        )
        return axes[:, 0]
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != len(names) or not all(isinstance(one, Axes) for one in axes):
        raise InvalidParameterError(
            f"ax={ax!r}, but {len(names)} {what} are drawn, each on axes of its own: pass "
            f"{len(names)} matplotlib Axes, choose fewer {what} with {by}=, or leave ax "
            "out for a new figure."
        )
    return axes


def make_pair(ax: Any, figsize: tuple[float, float], *, sharex: bool) -> np.ndarray:
    """Return two axes, one above the other: those given, or new ones."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        return plt.subplots(2, sharex=sharex, figsize=figsize, layout="constrained")[1]
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != 2 or not all(isinstance(one, Axes) for one in axes):
        raise InvalidParameterError(
            f"ax={ax!r}, but two axes are drawn on. Pass two matplotlib Axes, as plt.subplots(2) "
            "makes them, or leave ax out for a new figure."
        )
    return axes


def shown(token: Any) -> str:
    """Return a token as it is drawn: white space is seen, and a dollar is no formula."""
    text = "".join(SPACE if letter.isspace() else letter for letter in str(token))
    return text.replace("$", r"\$")


def styled(defaults: dict, given: dict | None) -> dict:
    """Return the style of a line; what is given, short names too, wins over the defaults."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**defaults, **normalize_kwargs(given or {}, Line2D)}


def draw_line(ax: Any, steps: np.ndarray, values: Any, style: dict) -> Any:
    """Draw a line, or a dot if it has one step only, and return it."""
    if len(steps) == 1:
        style = {"marker": "o", **style}
    return ax.plot(steps, np.asarray(values), **style)[0]


def draw_fan(
    ax: Any, steps: np.ndarray, intervals: "pd.DataFrame", color: Any, style: dict | None
) -> dict:
    """Draw intervals as shades of a colour, the widest first and lightest.

    ``intervals`` has columns (coverage, "lower" or "upper"). Return the artists by coverage.
    """
    from matplotlib.colors import to_rgb

    levels = sorted(intervals.columns.unique(0), reverse=True)
    rgb = np.array(to_rgb(color))
    artists = {}
    for level, white in zip(levels, np.linspace(LIGHTEST, DARKEST, len(levels)), strict=True):
        kwargs = {
            "color": tuple(rgb + (1 - rgb) * white),
            "linewidth": WIDTH_OF_ONE_STEP if len(steps) == 1 else 0,
            "label": f"{100 * level:g} % interval",
            **(style or {}),
        }
        low, high = (intervals[level][bound].to_numpy() for bound in ("lower", "upper"))
        artists[level] = ax.fill_between(steps, low, high, **kwargs)
    return artists


def label_times(ax: Any, steps: np.ndarray) -> None:
    """Give the axis of time short dates if the steps are dates, else whole numbers."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    if steps.dtype.kind == "M":
        locator = AutoDateLocator(minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_legend(ax: Any, lines: Iterable, bands: dict, *, above: bool) -> Any:
    """Draw a legend above the axes, where it hides no data, or inside; return it.

    The intervals are one entry, a swatch for each, the narrowest first.
    """
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    entries = {line.get_label(): line for line in lines}
    levels = sorted(bands)
    if levels:
        text = ", ".join(f"{100 * level:g}" for level in levels)
        swatches = tuple(Patch(color=bands[level].get_facecolor()[0]) for level in levels)
        entries[f"{text} % interval{'s' * (len(levels) > 1)}"] = swatches
    row = {
        "loc": "lower right",  # at the left the axis has its factor, as in "1e10"
        "bbox_to_anchor": (1, 1),
        "borderaxespad": 0.2,
        "ncols": len(entries),
        "columnspacing": 1.5,
        "frameon": False,
    }
    return ax.legend(
        entries.values(),
        entries.keys(),
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        fontsize="small",
        **(row if above else {"loc": "best"}),
    )


def width_of(tokens: list[str] | None) -> float:
    """Return how wide a figure of steps is, in inches: words need room to be read."""
    if tokens is None:
        return LEAST_INCHES
    return min(max(INCH_A_STEP * len(tokens) + 1.8, LEAST_INCHES), MOST_INCHES)


def label_steps(ax: Any, tokens: list[str] | None) -> None:
    """Write the tokens below the steps, or their numbers."""
    if tokens is None:
        label_times(ax, np.zeros(0))
        ax.set_xlabel("Step")
    else:
        ax.set_xticks(range(len(tokens)), [shown(token) for token in tokens], rotation=90)


def draw_heatmap(
    ax: Any, table: np.ndarray, cmap: Any, largest: float, *, signed: bool, label: str = ""
) -> Any:
    """Draw a table, a column for each step, with the row of number 0 at the top; return the image.

    Colours go from 0 to ``largest``; of ``signed`` numbers from minus that. ``label`` says of what.
    """
    low = -largest if signed else 0.0
    image = ax.imshow(
        table, cmap=cmap, vmin=low, vmax=largest, aspect="auto", interpolation="nearest"
    )
    ax.figure.colorbar(image, ax=ax, pad=0.01, label=label)
    return image
