"""`GateActivationDisplay`: what the gates of a recurrent layer did at each step of a sequence.

It knows an estimator by its method ``gates``, and imports none; drawing is in `drawing`.
"""

from typing import Any

import numpy as np

from seqlearn.displays.drawing import (
    check_matplotlib,
    draw_heatmap,
    label_steps,
    make_axes,
    width_of,
)
from seqlearn.displays.sequence import one_sequence, words_of
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.pipelines import last_step

__all__ = ["GateActivationDisplay"]

TITLES = {
    "f": "Forget gate f: share of the cell that is kept",
    "i": "Input gate i: share of the step that is taken in",
    "o": "Output gate o: share of the cell that is shown",
    "z": "Update gate z: share of the state that is kept",
    "r": "Reset gate r: share of the state that the offer looks at",
    "g": "Offer g: what the step would write",
    "n": "Offer n: what the step would write",
    "c": "Cell c",
    "h": "Output h",
    "kept": "Share of the last memory that each step wrote",
}
SIGNED = ("g", "n", "c", "h")
OF_LSTM, OF_GRU = ("i", "f", "kept"), ("z", "r", "kept")


class GateActivationDisplay:
    """Picture of gates: heat maps, a row for each unit and a column for each step, and what stayed.

    The panel "kept" says which steps were kept and which forgotten: what each step wrote into the
    memory, times all forget gates after it. Its bars are means over the units, as shares of all
    steps. Of a GRU the update gate is the forget gate.

    Make one with `from_estimator` or `from_gates`, which check and draw; parameters are stored as
    attributes, and `plot` draws again.

    Parameters
    ----------
    gates : dict of str to ndarray of shape (T, H)
        As the method ``gates`` of an estimator gives them, of one sequence.
    tokens : list of T str or None, default=None
        The words of the sequence; None counts the steps.
    direction : {"forward", "backward"}, default="forward"
        In which the layer reads.

    Attributes
    ----------
    kept_ : ndarray of shape (T,)
        What the panel "kept" shows; it sums to 1.
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each panel.
    ax_ : matplotlib Axes
        The last of them.
    artists_ : dict of str to matplotlib artist
        The heat map or the bars of each panel.

    See Also
    --------
    GateActivationDisplay.from_estimator : Draw the gates of a fitted estimator.
    GateActivationDisplay.from_gates : Draw gates that are there already.

    Examples
    --------
    >>> from seqlearn import LSTMClassifier
    >>> from seqlearn.datasets import make_noisy_sines
    >>> from seqlearn.displays import GateActivationDisplay
    >>> X, y = make_noisy_sines(40, 20, random_state=0)
    >>> classifier = LSTMClassifier(hidden_size=8, max_epochs=5, random_state=0).fit(X, y)
    >>> display = GateActivationDisplay.from_estimator(classifier, X[0])
    >>> list(display.artists_), display.kept_.shape
    (['i', 'f', 'kept'], (20,))
    >>> display.figure_.savefig("gates.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        gates: dict[str, np.ndarray],
        tokens: list[str] | None = None,
        direction: str = "forward",
    ):
        self.gates = gates
        self.tokens = tokens
        self.direction = direction

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        x: Any,
        *,
        layer: int = -1,
        direction: str = "forward",
        show: Any = None,
        ax: Any = None,
    ) -> "GateActivationDisplay":
        """Draw the gates of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with the method ``gates``, or Pipeline with one as its last step
            A fitted one.
        x : array-like of shape (T, F) or (T,), list of tokens, or what the pipeline takes
            One sequence; a data frame with sequences in its cells has one row.
        layer : int, default=-1
            Number of the layer; negative ones count from the last.
        direction : {"forward", "backward"}, default="forward"
            Which of its directions.
        show : str, sequence of str or None, default=None
            As in `plot`.
        ax : matplotlib Axes, array of them, or None, default=None
            As in `plot`.

        Returns
        -------
        GateActivationDisplay

        Raises
        ------
        InvalidParameterError
            The estimator has no gates, or an argument is not accepted.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("GateActivationDisplay.from_estimator")
        estimator, X = last_step(estimator, one_sequence(estimator, x), "gates")
        gates = {name: rows[0] for name, rows in estimator.gates(X, layer, direction).items()}
        return cls.from_gates(gates, words_of(X), direction=direction, show=show, ax=ax)

    @classmethod
    def from_gates(
        cls,
        gates: dict[str, Any],
        tokens: list[str] | None = None,
        *,
        direction: str = "forward",
        show: Any = None,
        ax: Any = None,
    ) -> "GateActivationDisplay":
        """Draw gates that are there already.

        Parameters
        ----------
        gates : dict of str to array-like of shape (T, H)
            Of one sequence, by the names that the method ``gates`` gives.
        tokens : list of T str or None, default=None
            The words of the sequence.
        direction : {"forward", "backward"}, default="forward"
            In which the layer reads.
        show : str, sequence of str or None, default=None
            As in `plot`.
        ax : matplotlib Axes, array of them, or None, default=None
            As in `plot`.

        Returns
        -------
        GateActivationDisplay

        Raises
        ------
        DataFormatError
            The gates are not those of an LSTM or a GRU, or differ in shape, or there is no step.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("GateActivationDisplay.from_gates")
        tables = {name: np.asarray(table, dtype=float) for name, table in gates.items()}
        if not ({"i", "f", "g"} <= tables.keys() or {"z", "n"} <= tables.keys()):
            raise DataFormatError(
                f"gates has {', '.join(map(repr, tables))}; at least i, f and g of an LSTM are "
                "due, or z and n of a GRU, as the method gates of an estimator gives them."
            )
        shapes = {table.shape for table in tables.values()}
        if len(shapes) > 1 or len(next(iter(shapes))) != 2 or 0 in next(iter(shapes)):
            raise DataFormatError(
                f"The gates have the shapes {sorted(shapes)}; all must be (T, H), of one sequence "
                "with at least one step."
            )
        n_steps = next(iter(shapes))[0]
        if tokens is not None and len(tokens) != n_steps:
            raise DataFormatError(f"There are {len(tokens)} tokens and gates of {n_steps} steps.")
        return cls(gates=tables, tokens=tokens, direction=direction).plot(show=show, ax=ax)

    def plot(
        self, *, show: Any = None, cmap: Any = "Blues", color: Any = "tab:blue", ax: Any = None
    ) -> "GateActivationDisplay":
        """Draw the panels.

        Parameters
        ----------
        show : str, sequence of str or None, default=None
            Names of gates, and "kept"; None is i, f and "kept" of an LSTM, z, r and "kept" of a
            GRU.
        cmap : str or matplotlib Colormap, default="Blues"
            Colours of gates, from 0 to 1. What may be negative is drawn from blue to red.
        color : matplotlib color, default="tab:blue"
            Of the bars.
        ax : matplotlib Axes, array of them, or None, default=None
            One for each panel; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError
            ``show`` names what there is not, or ``ax`` is not as many axes.
        MissingDependencyError
            matplotlib is not installed.
        """
        check_matplotlib("GateActivationDisplay.plot")
        default = OF_LSTM if "f" in self.gates else tuple(n for n in OF_GRU if n in self._known)
        names = list(default if show is None else [show] if isinstance(show, str) else show)
        unknown = [name for name in names if name not in self._known]
        if unknown or not names:
            raise InvalidParameterError(
                f"show={show!r}: there are {', '.join(map(repr, self._known))}; name some of them."
            )
        self.kept_ = self._kept()
        axes = make_axes(ax, names, what="panels", by="show", width=width_of(self.tokens))
        self.axes_, self.ax_, self.figure_ = axes, axes[-1], axes[-1].figure
        self.artists_: dict[str, Any] = {}
        for name, panel in zip(names, axes, strict=True):
            panel.set_title(TITLES.get(name, name), fontsize="medium", loc="left")
            if name == "kept":
                steps = np.arange(len(self.kept_))
                self.artists_[name] = panel.bar(steps, self.kept_, width=0.8, color=color)
                panel.set(xlim=(-0.5, len(steps) - 0.5), ylabel="Share")
                continue
            table = self.gates[name].T  # (H, T)
            signed = name in SIGNED
            largest = max(float(np.abs(table).max()), 1e-12) if signed else 1.0
            colours = "RdBu_r" if signed else cmap
            self.artists_[name] = draw_heatmap(panel, table, colours, largest, signed=signed)
            panel.set_ylabel("Unit")
        label_steps(self.ax_, self.tokens)
        return self

    @property
    def _known(self) -> list[str]:
        return [*self.gates, "kept"]

    def _kept(self) -> np.ndarray:
        """Return the share of the last memory that each step wrote, (T,)."""
        if "f" in self.gates:
            keeps, writes = self.gates["f"], self.gates["i"] * self.gates["g"]
        else:
            keeps, writes = self.gates["z"], (1 - self.gates["z"]) * self.gates["n"]
        if self.direction == "backward":
            keeps, writes = keeps[::-1], writes[::-1]
        later = np.vstack([np.cumprod(keeps[:0:-1], axis=0)[::-1], np.ones_like(keeps[:1])])
        kept = np.abs(later * writes).mean(axis=1)  # (T,)
        kept = kept / max(kept.sum(), np.finfo(float).tiny)
        return kept[::-1] if self.direction == "backward" else kept
