"""Forecasting on real data: accuracy of the defaults beside peers, and what training and use cost.

ETTh1 by the long-term protocol, M4 Hourly with one global model, Airline, and electricity demand
with and without known features. LSTMForecaster runs with its defaults; the horizon, the features
and the calibration are of the task. The test parts are looked at once a seed. Peers that are a
toolkit's run where it is installed, else their row says that it is not.

Seconds are of the wall, with process CPU time beside them, on one thread, as in
`benchmarks.tagging`; the tables on speed are of CPU time alone, as in `benchmarks.speed`.
"""

import copy
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.utils import clip_grad_norm_

from benchmarks.memory import added_mib
from benchmarks.peers import dlinear
from benchmarks.peers.seasonal_naive import mape, mase, seasonal_naive, smape
from benchmarks.peers.toolkits import GLOBAL_PEERS, LOCAL_PEERS, is_installed
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, cpu_seconds
from seqlearn import LSTMForecaster
from seqlearn.data.windows import WindowBatch
from seqlearn.datasets import load_ett, load_m4_hourly, load_vic_electricity

THREADS = 1
EPOCHS: int | None = None  # a number trains so many everywhere, to try the program
SERIES: int | None = None  # a number takes so many of M4 Hourly, to try the program

ETT_TRAIN, ETT_VALID, ETT_TEST = 8640, 2880, 2880  # 12, 4 and 4 months of 30 days
ETT_BARS = {96: 0.375, 192: 0.405, 336: 0.439, 720: 0.472}  # DLinear's published errors
ETT_BAR_SECONDS = 180
ETT_SEEDS = range(1)

M4_SEASON, M4_HORIZON = 24, 48
M4_BARS = {"bar sMAPE": 11.5, "bar MASE": 0.93, "bar s": 120}
M4_SEEDS = range(1)

AIRLINE_BARS = {12: 0.06, 36: 0.10}
AIRLINE_SEEDS = range(5)

DAY = 48  # half-hours
VIC_LEVELS = [0.05, 0.95]
VIC_SEEDS = range(1)

SPEED_ROWS, SPEED_WINDOW, SPEED_HORIZON, SPEED_BATCH = 4000, 336, 96, 256
SPEED_EPOCHS = 2
REPEATS = 3
CUTOFFS = 20  # of update_predict; backtest makes those of the validation part

OURS = "LSTMForecaster (defaults)"


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    torch.set_num_threads(THREADS)
    results = {}
    for title, measure in {
        "forecasting: ETTh1, all columns, every test window, standardised": ett,
        "forecasting: M4 Hourly, one model for all series": m4,
        "forecasting: Airline, the last months": airline,
        "forecasting: vic_electricity, one day ahead, the third year": electricity,
        "forecasting: training, one epoch": training_speed,
        "forecasting: peak memory of fit": memory,
        "forecasting: a cut-off of update_predict and of backtest": backtest_speed,
    }.items():
        results[title] = measure()
        print_table(title, results[title])
    return results


# Accuracy


def ett() -> list[Row]:
    """Errors on ETTh1, 12/4/4 months, every test window; bars: DLinear's published errors.

    Columns are standardised by the training part, which is all that LSTMForecaster sees; DLinear
    is stopped by the validation part also. The first windows reach back into the validation part,
    and no window is left out.
    """
    y = _ett_standardised()
    rows: list[Row] = []
    for horizon, bar in ETT_BARS.items():
        models: dict[str, Callable[[int], tuple[np.ndarray, float, float]]] = {
            OURS: lambda seed, h=horizon: _ett_forecaster(y, h, seed),
            "DLinear, look-back 336": lambda seed, h=horizon: _ett_dlinear(y, h, seed),
            "last value": lambda seed, h=horizon: _ett_naive(y, h, 1),
            "last day": lambda seed, h=horizon: _ett_naive(y, h, 24),
        }
        for by, model in models.items():
            seeds = ETT_SEEDS if not by.startswith("last") else range(1)
            runs = [model(seed) for seed in seeds]
            errors = [error for error, _, _ in runs]
            rows.append(
                {
                    "H": horizon,
                    "by": by,
                    "MSE": mean(float(np.square(error).mean()) for error in errors),
                    "bar": bar if by == OURS else "",
                    "MAE": mean(float(np.abs(error).mean()) for error in errors),
                    "windows": len(errors[0]),
                    "seeds": len(seeds),
                    "fit s": mean(wall for _, wall, _ in runs),
                    "bar s": ETT_BAR_SECONDS if by == OURS else "",
                    "fit CPU s": mean(cpu for _, _, cpu in runs),
                }
            )
    return rows


def m4() -> list[Row]:
    """The measures of the M4 competition on its Hourly series, means over the series."""
    train, test = load_m4_hourly()
    names = list(_series(test))[:SERIES]
    train, test = (part[part.index.get_level_values(0).isin(names)] for part in (train, test))
    past, future = list(_series(train).values()), list(_series(test).values())

    def ours(seed: int) -> list[np.ndarray]:
        predicted = _forecaster(seed).fit(train, fh=_steps(M4_HORIZON)).predict()
        return list(_series(predicted.loc[test.index]).values())

    def row(by: str, forecast: Callable[[int], list[np.ndarray]], seeds: range) -> Row:
        runs = [_timed(lambda seed=seed: forecast(seed)) for seed in seeds]
        scores = [
            (smape(true, predicted), mase(true, predicted, known, M4_SEASON))
            for forecasts, _, _ in runs
            for true, predicted, known in zip(future, forecasts, past, strict=True)
        ]
        percentage, scaled = map(mean, zip(*scores, strict=True))
        bars = M4_BARS if by == OURS else dict.fromkeys(M4_BARS, "")
        return {
            "by": by,
            "sMAPE": percentage,
            "bar sMAPE": bars["bar sMAPE"],
            "MASE": scaled,
            "bar MASE": bars["bar MASE"],
            "series": len(names),
            **_seconds(runs),
            "bar s": bars["bar s"],
        }

    rows = [row(OURS, ours, M4_SEEDS)]
    for by, package, peer in GLOBAL_PEERS:
        if is_installed(package):
            forecast = lambda seed, f=peer: f(past, M4_HORIZON, M4_SEASON)  # noqa: E731
            rows.append(row(by, forecast, range(1)))
        else:
            rows.append(_absent(rows[0], by, package))
    return rows


def airline() -> list[Row]:
    """Mean absolute percentage error on the last 12 and the last 36 months, means over seeds."""
    from sktime.datasets import load_airline

    y = load_airline()
    rows: list[Row] = []
    for n_test, bar in AIRLINE_BARS.items():
        train, true = y.iloc[:-n_test], y.iloc[-n_test:].to_numpy()

        def ours(seed: int, train=train, n_test=n_test) -> np.ndarray:
            return _forecaster(seed).fit(train, fh=_steps(n_test)).predict().to_numpy()

        def row(
            by: str, forecast: Callable, seeds: range, true=true, n_test=n_test, bar=bar
        ) -> Row:
            runs = [_timed(lambda seed=seed: forecast(seed)) for seed in seeds]
            errors = [mape(true, predicted) for predicted, _, _ in runs]
            return {
                "last": n_test,
                "by": by,
                "MAPE": mean(errors),
                "bar": bar if by == OURS else "",
                "min": min(errors),
                "max": max(errors),
                **_seconds(runs),
            }

        rows.append(row(OURS, ours, AIRLINE_SEEDS))
        for by, package, peer in LOCAL_PEERS + GLOBAL_PEERS:
            if is_installed(package):
                past = [train.to_numpy()]
                forecast = lambda seed, f=peer, p=past, h=n_test: f(p, h, 12)[0]  # noqa: E731
                rows.append(row(by, forecast, range(1)))
            else:
                rows.append(_absent(rows[0], by, package) | {"last": n_test})
    return rows


def electricity() -> list[Row]:
    """Mean absolute error and coverage of 90 % intervals a day ahead, over the third year.

    Bars: the features lower the error by 15 %, the intervals cover 86 to 94 %. A forecast is made
    every 48 half-hours, at midnight of summer time in Melbourne, so each half-hour of the year is
    forecast once. The temperature is the one that was measured.
    """
    y, X = load_vic_electricity()
    y = y.to_frame()
    begin = len(y) - 365 * DAY
    rows: list[Row] = []
    for by, season in (("last day", DAY), ("last week", 7 * DAY)):
        past, future = _windows(y.to_numpy(), begin, len(y), DAY, season, stride=DAY)
        error = float(np.abs(seasonal_naive(past, season, DAY) - future).mean())
        rows.append({"by": by, "MAE": error, "days": len(future)})
    for calibration in (None, "conformal"):
        runs = [_electricity(y, None, begin, calibration, seed) for seed in VIC_SEEDS]
        without = _means(runs) | {"X": "none"}
        runs = [_electricity(y, X, begin, calibration, seed) for seed in VIC_SEEDS]
        known = _means(runs) | {"X": "temperature, holiday", "bar to none": "<= -15 %"}
        known["to none"] = f"{100 * (known['MAE'] / without['MAE'] - 1):+.1f} %"
        common = {"by": "LSTMForecaster", "calibration": calibration or "none", "bar %": "86 to 94"}
        rows += [row | common | {"seeds": len(VIC_SEEDS)} for row in (without, known)]
    names = ["by", "X", "calibration", "MAE", "to none", "bar to none", "covered %", "bar %"]
    names += ["width", "days", "seeds", "fit s", "fit CPU s", "backtest s"]
    return [{name: row.get(name, "") for name in names} for row in rows]


# Cost


def training_speed() -> list[Row]:
    """CPU time of an epoch over windows of ETTh1 against a loop by hand; bar: 1.15.

    The loop trains the same network with the same loss on shuffled batches of as many windows,
    taken from a view of one tensor. Our epoch is the difference between a longer and a shorter
    fit, as in `benchmarks.speed`.
    """
    y = _ett_standardised().iloc[:SPEED_ROWS]

    def fitted(epochs: int) -> LSTMForecaster:
        sizes = {"window_length": SPEED_WINDOW, "batch_size": SPEED_BATCH, "random_state": 0}
        forecaster = LSTMForecaster(max_epochs=epochs, **sizes)
        return forecaster.fit(y, fh=_steps(SPEED_HORIZON))

    epoch = _epoch_by_hand(fitted(1), y.to_numpy())

    def ours() -> float:
        longer = cpu_seconds(lambda: fitted(1 + SPEED_EPOCHS))
        return (longer - cpu_seconds(lambda: fitted(1))) / SPEED_EPOCHS

    timings = alternate(
        {"torch by hand, Adam(fused=True)": lambda: cpu_seconds(epoch), "seqlearn": ours},
        repeats=REPEATS,
    )
    base = next(iter(timings.values())).median
    n = (len(y) - SPEED_WINDOW - SPEED_HORIZON + 1) * y.shape[1]
    work = f"ETTh1, {n} windows of {SPEED_WINDOW} + {SPEED_HORIZON} steps, B={SPEED_BATCH}"
    return [
        {
            "work": work,
            "by": by,
            "CPU s": timing.median,
            "spread": timing.spread,
            "ratio": timing.median / base,
            "bar": 1.15 if by == "seqlearn" else "",
        }
        for by, timing in timings.items()
    ]


def memory() -> list[Row]:
    """Memory that fit adds at its peak, for two windows and for half the series and all of it.

    Batches of longer windows take more; what all windows together take, twice as much for twice
    the series, must not be added.
    """
    rows = []
    for window in (96, 720):
        for steps in (ETT_TRAIN // 2, ETT_TRAIN):
            code = "from benchmarks.forecasting import added_memory as m; "
            command = [sys.executable, "-c", f"{code}print(m({window}, {steps}))"]
            shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            n = (steps - window - SPEED_HORIZON + 1) * 7
            rows.append(
                {
                    "window": window,
                    "steps of the series": steps,
                    "MiB of the series": steps * 7 * 4 / 2**20,
                    "windows": n,
                    "MiB of all windows": n * (window + SPEED_HORIZON) * 4 / 2**20,
                    "MiB added by fit": float(shown),
                }
            )
    return rows


def added_memory(window: int, steps: int) -> float:
    """MiB by which fitting rows of ETTh1 raises the resident memory of this process."""
    torch.set_num_threads(1)
    y = _ett_standardised().iloc[:steps]
    sizes = {"window_length": window, "segment_length": 24, "batch_size": SPEED_BATCH}
    forecaster = LSTMForecaster(max_epochs=1, random_state=0, **sizes)
    fh = _steps(SPEED_HORIZON)
    forecaster.clone().fit(y.iloc[: window + SPEED_HORIZON + 100], fh=fh)
    return added_mib(lambda: forecaster.fit(y, fh=fh))


def backtest_speed() -> list[Row]:
    """CPU time of a cut-off of ETTh1 by update_predict and by backtest; bar: 50 times less."""
    from sktime.split import SlidingWindowSplitter

    y = _ett_standardised()
    fh = _steps(SPEED_HORIZON)
    forecaster = LSTMForecaster(window_length=SPEED_WINDOW, max_epochs=1, random_state=0)
    forecaster.fit(y.iloc[:ETT_TRAIN], fh=fh)
    new = y.iloc[ETT_TRAIN : ETT_TRAIN + CUTOFFS + SPEED_HORIZON]
    cv = SlidingWindowSplitter(fh=fh, window_length=1, step_length=1)  # one new row a cut-off
    every = y.iloc[ETT_TRAIN + 1 - SPEED_WINDOW : ETT_TRAIN + ETT_VALID]
    work = {
        "update_predict": lambda: forecaster.update_predict(new, cv=cv, update_params=False),
        "backtest": lambda: forecaster.backtest(every),
    }
    counts = {
        "update_predict": cv.get_n_splits(new),
        "backtest": len(every) - SPEED_WINDOW - SPEED_HORIZON + 1,
    }
    timings = alternate(
        {by: lambda by=by: cpu_seconds(work[by]) / counts[by] for by in work}, repeats=REPEATS
    )
    return [
        {
            "by": by,
            "cut-offs": counts[by],
            "CPU ms a cut-off": 1e3 * timing.median,
            "spread": timing.spread,
            "times faster": timings["update_predict"].median / timing.median,
            "bar": 50 if by == "backtest" else "",
        }
        for by, timing in timings.items()
    ]


# Runs of one model


def _forecaster(seed: int, **params: Any) -> LSTMForecaster:
    if EPOCHS is not None:
        params["max_epochs"] = EPOCHS
    return LSTMForecaster(random_state=seed, **params)


def _ett_forecaster(y: pd.DataFrame, horizon: int, seed: int) -> tuple[np.ndarray, float, float]:
    """Errors (N, C, H), and wall and CPU seconds of fit."""
    forecaster = _forecaster(seed)
    _, *seconds = _timed(lambda: forecaster.fit(y.iloc[:ETT_TRAIN], fh=_steps(horizon)))
    begin, end = ETT_TRAIN + ETT_VALID, ETT_TRAIN + ETT_VALID + ETT_TEST
    frame = forecaster.backtest(y.iloc[begin - forecaster.window_length_ : end])
    assert frame.index.equals(y.index[begin - 1 : end - horizon])
    forecasts = np.stack([frame[name].to_numpy() for name in y.columns], axis=1)  # (N, C, H)
    return forecasts - _windows(y.to_numpy(), begin, end, horizon, 1)[1], *seconds


def _ett_dlinear(y: pd.DataFrame, horizon: int, seed: int) -> tuple[np.ndarray, float, float]:
    """Errors (N, C, H), and wall and CPU seconds of fit."""
    epochs = dlinear.EPOCHS if EPOCHS is None else EPOCHS
    model, *seconds = _timed(
        lambda: dlinear.fit(y.to_numpy(), ETT_TRAIN, ETT_VALID, horizon, seed, epochs)
    )
    begin, end = ETT_TRAIN + ETT_VALID, ETT_TRAIN + ETT_VALID + ETT_TEST
    past, future = _windows(y.to_numpy(), begin, end, horizon, dlinear.LOOK_BACK)
    return dlinear.predict(model, past) - future, *seconds


def _ett_naive(y: pd.DataFrame, horizon: int, season: int) -> tuple[np.ndarray, float, float]:
    """Errors (N, C, H); there is nothing to fit."""
    begin, end = ETT_TRAIN + ETT_VALID, ETT_TRAIN + ETT_VALID + ETT_TEST
    past, future = _windows(y.to_numpy(), begin, end, horizon, season)
    return seasonal_naive(past, season, horizon) - future, 0.0, 0.0


def _electricity(
    y: pd.DataFrame, X: pd.DataFrame | None, begin: int, calibration: str | None, seed: int
) -> dict[str, float]:
    """Error, coverage and seconds of one model, forecasting each day from row `begin` on."""
    forecaster = _forecaster(seed, calibration=calibration)
    known = None if X is None else X.iloc[:begin]
    _, wall, cpu = _timed(lambda: forecaster.fit(y.iloc[:begin], X=known, fh=_steps(DAY)))
    rows = slice(begin - forecaster.window_length_, None)
    known = None if X is None else X.iloc[rows]
    points, seconds, _ = _timed(lambda: forecaster.backtest(y.iloc[rows], known, stride=DAY))
    assert points.index.equals(y.index[begin - 1 : len(y) - DAY : DAY])
    bounds = forecaster.backtest(y.iloc[rows], known, stride=DAY, alpha=VIC_LEVELS)
    low, high = (bounds.xs(level, axis=1, level=2).to_numpy() for level in VIC_LEVELS)
    future = _windows(y.to_numpy(), begin, len(y), DAY, 1, stride=DAY)[1][:, 0]  # (N, H)
    return {
        "MAE": float(np.abs(points.to_numpy() - future).mean()),
        "covered %": 100 * float(((low <= future) & (future <= high)).mean()),
        "width": float((high - low).mean()),
        "days": len(future),
        "fit s": wall,
        "fit CPU s": cpu,
        "backtest s": seconds,
    }


def _epoch_by_hand(forecaster: LSTMForecaster, values: np.ndarray) -> Callable[[], None]:
    """Return what trains a copy of the network for an epoch, over index batches."""
    module = copy.deepcopy(forecaster.net_.module_).train()
    module.requires_grad_(True)
    parameters = list(module.parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    span = SPEED_WINDOW + SPEED_HORIZON
    windows = torch.tensor(values.T, dtype=torch.float32).contiguous().unfold(1, span, 1)
    n_channels, n, _ = windows.shape  # (C, N, L + H)

    def epoch() -> None:
        for rows in torch.randperm(n_channels * n).split(SPEED_BATCH):
            channel = rows // n
            past, future = (
                windows[channel, rows % n].unsqueeze(2).split([SPEED_WINDOW, SPEED_HORIZON], dim=1)
            )  # (B, L, 1), (B, H, 1)
            optimizer.zero_grad()
            forecast = module(WindowBatch(past, None, None, channel))
            module.head.loss(forecast, future).mean().backward()
            clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


# Data, time and tables


def _ett_standardised() -> pd.DataFrame:
    y = load_ett("ETTh1")
    train = y.iloc[:ETT_TRAIN]
    return (y - train.mean()) / train.std(ddof=0)


def _windows(
    values: np.ndarray, begin: int, end: int, horizon: int, length: int, stride: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Past (N, C, L) and future (N, C, H) of the windows whose future lies in rows begin to end."""
    windows = np.lib.stride_tricks.sliding_window_view(values, length + horizon, axis=0)
    windows = windows[begin - length : end - length - horizon + 1 : stride]  # (N, C, L + H)
    return windows[..., :length], windows[..., length:]


def _series(panel: pd.DataFrame) -> dict[str, np.ndarray]:
    """Values of each series of a panel, in its order."""
    parts = panel["value"].groupby(level=0, sort=False)
    return {name: part.to_numpy() for name, part in parts}


def _steps(horizon: int) -> range:
    return range(1, horizon + 1)


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the answer, seconds of the wall and seconds of process CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def _seconds(runs: list[tuple[Any, float, float]]) -> Row:
    return {
        "seeds": len(runs),
        "fit and predict s": mean(wall for _, wall, _ in runs),
        "CPU s": mean(cpu for _, _, cpu in runs),
    }


def _means(runs: list[dict[str, float]]) -> Row:
    return {name: mean(run[name] for run in runs) for name in runs[0]}


def _absent(like: Row, by: str, package: str | None) -> Row:
    return dict.fromkeys(like, "") | {"by": f"{by}: {package} is not installed"}
