"""Time of a training epoch and of prediction, beside torch by hand and other toolkits.

All train the same network on the same data: an LSTM of one layer, the last step it reads, a linear
layer, cross entropy, Adam at a constant rate, shuffled batches, no clipping; "seqlearn as it comes"
clips gradients and lowers the rate besides, which are its defaults, and "auto" trains in bfloat16
where the processor has units for it (`benchmarks.precision`). Each runs in a process of its own on
one thread and one core, all are alive, and they take turns (`benchmarks.race`). In the table on all
cores they take as many threads as they do by themselves.

"epoch ms" and "predict ms" (of all rows) are process CPU time, medians; "spread" is the distance
between the quartiles as a share of the median. "epoch ratio" and "predict ratio" are seqlearn's
time over the row's, below 1 where seqlearn is faster; the bars are what they should be at most. On
all cores, spread and ratios are those of the wall time.
sktime has a plain RNN only, which has a quarter of the LSTM's products to compute. Toolkits predict
in batches of 500 rows where they leave the size to the user. Only ratios of one run are meant to be
read.

The ragged case has the lengths of 2,000 training sentences of UD English EWT, if that data is
there, else log-normal ones. Torch by hand packs; Keras pads to the longest sentence and masks.

The floor of an epoch is the time of oneDNN's LSTM kernels alone, which torch by hand, skorch and
seqlearn all call. The share of the matrix-product rate is what the floor of a training step,
3 x 2 x T x B x 4H x (F + H) operations, makes of the time that the step took, against the rates of
torch.mm and of oneDNN's linear layer on square matrices.
"""

from pathlib import Path

import numpy as np

from benchmarks import floor, rate
from benchmarks.contenders import Work
from benchmarks.race import Entry, Measured, race
from benchmarks.table import Row, print_table
from seqlearn.datasets import fetch_universal_dependencies
from seqlearn.errors import DatasetNotFoundError

N = 2000
WORKS = (Work([100] * N, 8, 64, 64), Work([30] * N, 4, 16, 32))
RAGGED_FEATURES, RAGGED_HIDDEN, RAGGED_BATCH = 32, 64, 32
DEFAULT = Work([100] * 1000, 8, 64, 32, bidirectional=True)  # seqlearn's sizes
CORES_TURNS = {"epochs": 3, "repeats": 5, "one_thread": False}
RAGGED_TURNS = {"epochs": 2, "repeats": 5}  # fewer, for Keras takes long to read padding
BAR, RAGGED_BAR = 0.95, 0.35  # of the time of every peer

SEQLEARN = Entry("seqlearn", "benchmarks.ours")
AS_IT_COMES = Entry("seqlearn as it comes", "benchmarks.ours", {"as_it_comes": True})
IN_AUTO = Entry("seqlearn, precision='auto'", "benchmarks.ours", {"precision": "auto"})
BY_HAND = (
    Entry("torch by hand, Adam", "benchmarks.loops", {"fused": False}),
    Entry("torch by hand, fused Adam", "benchmarks.loops"),
)
PACKED = (Entry("torch by hand, packed, fused Adam", "benchmarks.loops"),)
KERAS = tuple(
    Entry(f"Keras on {name}", "benchmarks.peers.keras_lstm", {"backend": name.lower()})
    for name in ("JAX", "TensorFlow", "torch")
)
SKTIME = Entry("sktime (has no LSTM: its plain RNN)", "benchmarks.peers.sktime_rnn")
TOOLKITS = (
    Entry("torch by hand, DataLoader, fused Adam", "benchmarks.loops", {"data_loader": True}),
    Entry("skorch, fused Adam", "benchmarks.peers.skorch_net"),
    *KERAS,
    SKTIME,
)


def run(peers: bool = False) -> dict[str, list[Row]]:
    """Measure everything and print one table a subject; `peers` adds the other toolkits."""
    equal = (SEQLEARN, AS_IT_COMES, IN_AUTO, *BY_HAND, *(TOOLKITS if peers else ()))
    packed = (SEQLEARN, AS_IT_COMES, IN_AUTO, *PACKED, *(KERAS if peers else ()))
    results = {}
    for title, measure in {
        "equal lengths": lambda: [row for w in WORKS for row in rows(w, race(equal, w), BAR, BAR)],
        "equal lengths, on all cores": lambda: _rows_on_all_cores(equal),
        "ragged, bidirectional": lambda: _ragged_rows(packed),
        "floor of an epoch": lambda: floor.rows(WORKS),
        "share of the matrix-product rate": rate.rows,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


def _ragged_rows(entries: tuple[Entry, ...]) -> list[Row]:
    work = ragged()
    return rows(work, race(entries, work, **RAGGED_TURNS), RAGGED_BAR)


def _rows_on_all_cores(entries: tuple[Entry, ...]) -> list[Row]:
    table = []
    for work in (*WORKS, DEFAULT):
        able = [entry for entry in entries if entry != SKTIME or not work.bidirectional]
        table += rows(work, race(able, work, **CORES_TURNS), BAR, BAR, clock="wall")
    return table


def ragged() -> Work:
    """Return work with the lengths of sentences."""
    rng = np.random.default_rng(0)
    try:
        (words,) = fetch_universal_dependencies(
            "en_ewt", columns=["form"], download_if_missing=False
        )
        lengths = rng.choice([len(sentence) for sentence in words], N, replace=False)
    except DatasetNotFoundError:
        lengths = np.clip(np.exp(rng.normal(2.7, 0.6, N)), 1, 80).astype(int)
    return Work(lengths.tolist(), RAGGED_FEATURES, RAGGED_HIDDEN, RAGGED_BATCH, bidirectional=True)


def rows(
    work: Work,
    results: dict[str, Measured | str],
    bar: float,
    predict_bar: float | str = "",
    clock: str = "cpu",
) -> list[Row]:
    """Make a row of each contender; those that are not installed have empty cells.

    Spreads and ratios are of the clock "cpu" or "wall".
    """
    ours = results[SEQLEARN.name]
    table: list[Row] = []
    for name, result in results.items():
        row: Row = {"work": str(work), "by": name}
        is_peer = not name.startswith(SEQLEARN.name)
        if isinstance(result, Measured):
            row |= {
                **_times("epoch", result, ours, clock),
                "epoch bar": bar if is_peer else "",
                **_times("predict", result, ours, clock),
                "predict bar": predict_bar if is_peer else "",
            }
        else:
            row["by"] = f"{name}: {result} is not installed"
            row |= dict.fromkeys(table[0].keys() - row.keys(), "")
        table.append(row)
    return table


def _times(what: str, result: Measured, ours: Measured, clock: str) -> Row:
    cpu, wall = what, f"{what}_wall"
    theirs, own = (getattr(one, cpu if clock == "cpu" else wall) for one in (result, ours))
    return {
        f"{what} ms": 1e3 * getattr(result, cpu).median,
        f"{what} spread": theirs.spread,
        f"{what} wall ms": 1e3 * getattr(result, wall).median,
        f"{what} ratio": own.median / theirs.median,
    }


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def draw(results: dict[str, list[Row]], folder: Path) -> Path:
    """Draw the times of epochs and predictions into ``folder / "speed.png"``."""
    from matplotlib.figure import Figure

    panels = []
    for title, column, unit in (
        ("equal lengths", "ms", "CPU ms"),
        ("equal lengths, on all cores", "wall ms", "wall ms"),
        ("ragged, bidirectional", "ms", "CPU ms"),
    ):
        measured = [row for row in results[title] if row["epoch ms"] != ""]
        for work in dict.fromkeys(row["work"] for row in measured):
            bars = [row for row in measured if row["work"] == work][::-1]
            panels.append((f"{work}, {unit}", column, bars))
    figure = Figure(figsize=(11, 3 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 2, squeeze=False)
    for axes, (title, column, bars) in zip(grid, panels, strict=True):
        names = [str(row["by"]) for row in bars]
        colours = ["tab:blue" if name.startswith("seqlearn") else "tab:gray" for name in names]
        for side, what in zip(axes, ("epoch", "predict"), strict=True):
            drawn = side.barh(names, [row[f"{what} {column}"] for row in bars], color=colours)
            side.bar_label(drawn, fmt=_milliseconds, padding=3, fontsize="small")
            side.set(xlabel=what)
            side.set_title(title, fontsize="small")
            side.margins(x=0.15)
        axes[1].set_yticklabels([])
    path = folder / "speed.png"
    figure.savefig(path, dpi=120)
    return path
