"""``python -m seqlearn demo``: the README's first examples on real data, their figures printed."""

import sys
import threading
import time
from contextlib import contextmanager


def demo(n_jobs: int = 2, plot: str | None = None) -> int:
    """Classify ragged sequences, then forecast a series; ``plot`` names a picture to write."""
    start = time.perf_counter()
    classify(n_jobs)
    print()
    forecast(plot)
    print(f"seconds   {time.perf_counter() - start:.1f}")
    return 0


def classify(n_jobs: int) -> None:
    """Search over backends and widths on JapaneseVowels, then score the best on the test part."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    from seqlearn import LSTMClassifier, available_backends
    from seqlearn.datasets import load_japanese_vowels
    from seqlearn.preprocessing import SequenceScaler

    X_train, X_test, y_train, y_test = load_japanese_vowels()
    lengths = [len(x) for x in X_train + X_test]
    print(
        f"data      JapaneseVowels: {len(X_train)} sequences to train on, {len(X_test)} to test, "
        f"{min(lengths)} to {max(lengths)} steps of {X_train[0].shape[1]} features, "
        f"{len(set(y_train))} speakers"
    )
    for name, distribution in available_backends().items():
        print(f"backend   {name} ({distribution})")

    pipe = make_pipeline(SequenceScaler(), LSTMClassifier(random_state=0))
    grid = {
        "lstmclassifier__backend": ["torch", "gru"],
        "lstmclassifier__hidden_size": [32, 64],
    }
    search = GridSearchCV(pipe, grid, cv=3, n_jobs=n_jobs)
    with _clock("searching: 4 settings x 3 folds, then the best on all training data"):
        search.fit(X_train, y_train)

    print("\nbackend  hidden_size  accuracy in cross-validation")
    results = search.cv_results_
    for setting, mean, std in zip(
        results["params"], results["mean_test_score"], results["std_test_score"], strict=True
    ):
        backend, hidden_size = setting.values()
        print(f"{backend:7}  {hidden_size:<11}  {mean:.3f} +/- {std:.3f}")
    best = search.best_params_
    accuracy = search.score(X_test, y_test)
    print(
        f"\nbest      {best['lstmclassifier__backend']}, "
        f"hidden_size={best['lstmclassifier__hidden_size']}"
    )
    print(f"device    {search.best_estimator_[-1].device_}")
    print(f"accuracy  {accuracy:.3f} on the {len(y_test)} test sequences")


def forecast(plot: str | None) -> None:
    """Forecast the last year of the airline passengers from the eleven before it."""
    from sktime.datasets import load_airline
    from sktime.split import temporal_train_test_split

    from seqlearn import LSTMForecaster

    y = load_airline()
    y_train, y_test = temporal_train_test_split(y, test_size=12)
    print(f"data      Airline: {len(y_train)} months to train on, the {len(y_test)} after them")
    forecaster = LSTMForecaster(random_state=0)
    with _clock("training a forecaster"):
        forecaster.fit(y_train, fh=range(1, 13))
    y_pred = forecaster.predict()
    interval = forecaster.predict_interval(coverage=0.9).droplevel([0, 1], axis=1)
    inside = interval["lower"].le(y_test) & interval["upper"].ge(y_test)
    print(
        f"window    {forecaster.window_length_} months, in segments of {forecaster.segment_length_}"
    )
    print(f"error     {(y_pred / y_test - 1).abs().mean():.1%} on average (MAPE)")
    print(f"coverage  {inside.sum()} of {len(y_test)} months in the 90 % interval")
    if plot is not None:
        from seqlearn.displays import ForecastDisplay

        display = ForecastDisplay.from_estimator(forecaster, y_true=y_test, n_history=48)
        display.figure_.savefig(plot, dpi=150, bbox_inches="tight")
        print(f"picture   {plot}")


@contextmanager
def _clock(text: str):
    """Print ``text``, on a terminal with the seconds that pass."""
    if not sys.stdout.isatty():
        print(f"{text} ...", flush=True)
        yield
        return
    start, done = time.perf_counter(), threading.Event()

    def tick():
        while not done.is_set():
            done.wait(0.5)
            print(f"\r{text}: {time.perf_counter() - start:.0f} s", end="", flush=True)

    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
        print()
