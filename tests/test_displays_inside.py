"""Pictures of gates, states, attributions and fits: what is drawn is what the arrays say."""

import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from seqlearn import LSTMClassifier
from seqlearn.displays import (
    GateActivationDisplay,
    HiddenStateDisplay,
    HistoryDisplay,
    SaliencyDisplay,
)
from seqlearn.errors import DataFormatError, InvalidParameterError, MissingDependencyError
from seqlearn.preprocessing import SequenceScaler, Tokenizer

SMALL = {"hidden_size": 4, "max_epochs": 2, "random_state": 0}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=12)]
Y = np.arange(12) % 3
GATES = {name: RNG.uniform(size=(5, 3)) for name in "ifogch"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def classifier():
    return LSTMClassifier(**SMALL).fit(X, Y)


def texts(labels):
    return [label.get_text() for label in labels]


def test_the_gates_drawn_are_those_of_the_estimator(classifier):
    gates = {name: rows[0] for name, rows in classifier.gates([X[0]]).items()}
    display = GateActivationDisplay.from_estimator(classifier, X[0], show=["f", "c", "kept"])
    assert np.array_equal(display.artists_["f"].get_array(), gates["f"].T)
    assert display.artists_["f"].get_clim() == (0, 1)
    low, high = display.artists_["c"].get_clim()
    assert low == -high == -np.abs(gates["c"]).max()
    assert [bar.get_height() for bar in display.artists_["kept"]] == display.kept_.tolist()
    assert display.figure_ is display.ax_.figure and display.ax_ is display.axes_[-1]
    display.figure_.canvas.draw()
    backward = GateActivationDisplay.from_estimator(classifier, X[0], direction="backward")
    due = classifier.gates([X[0]], direction="backward")["f"][0]
    assert np.array_equal(backward.gates["f"], due)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_what_was_kept_adds_up_to_the_memory(backend, direction):
    model = LSTMClassifier(**SMALL, backend=backend).fit(X, Y)
    gates = {name: rows[0] for name, rows in model.gates([X[1]], direction=direction).items()}
    if backend == "torch":
        keeps, writes, memory = gates["f"], gates["i"] * gates["g"], gates["c"]
    else:
        keeps, writes, memory = gates["z"], (1 - gates["z"]) * gates["n"], gates["h"]
    steps = range(len(X[1]))
    parts = []
    for step in steps:
        after = keeps[step + 1 :] if direction == "forward" else keeps[:step]
        parts.append(after.prod(axis=0) * writes[step])
    end = memory[-1] if direction == "forward" else memory[0]
    np.testing.assert_allclose(np.sum(parts, axis=0), end, atol=1e-6)
    due = np.abs(parts).mean(axis=1)
    kept = GateActivationDisplay.from_gates(gates, direction=direction).kept_
    np.testing.assert_allclose(kept, due / due.sum(), atol=1e-6)


def test_states_are_drawn_in_the_order_of_their_largest_step(classifier):
    display = HiddenStateDisplay.from_estimator(classifier, X[0])
    states = classifier.hidden_states([X[0]])[0]
    assert np.array_equal(display.im_.get_array(), states[:, display.order_].T)
    assert (np.diff(np.abs(states).argmax(axis=0)[display.order_]) >= 0).all()
    named = HiddenStateDisplay.from_states(states, ["a $"] + ["b"] * (len(states) - 1))
    assert texts(named.ax_.get_xticklabels())[0] == "a\u2423\\$"


@pytest.mark.slow
def test_attributions_are_drawn_as_heat_map_line_or_bars(classifier):
    pipe = make_pipeline(SequenceScaler(), LSTMClassifier(**SMALL)).fit(X, Y)
    display = SaliencyDisplay.from_estimator(pipe, X[0], method="occlusion", target=2)
    due = pipe[-1].attribute(pipe[0].transform([X[0]]), "occlusion", target=2)[0]
    assert np.array_equal(display.artist_.get_array(), due.T)
    assert display.ax_.get_title() == "What counts for 2"
    default = SaliencyDisplay.from_estimator(classifier, X[0])
    assert default.ax_.get_title() == f"What counts for {classifier.predict([X[0]])[0]}"
    series = RNG.normal(size=(12, 6))
    of_series = LSTMClassifier(**SMALL).fit(series, Y)
    line = SaliencyDisplay.from_estimator(of_series, series[0]).ax_.lines[0]
    np.testing.assert_allclose(line.get_ydata(), series[0])
    sentences = ["a good film", "bad", "not good", "fine"] * 3
    of_words = make_pipeline(Tokenizer(), LSTMClassifier(**SMALL)).fit(sentences, Y)
    bars = SaliencyDisplay.from_estimator(of_words, "a bad film")
    assert texts(bars.ax_.get_xticklabels()) == ["a", "bad", "film"]
    assert [bar.get_height() for bar in bars.artist_] == bars.attributions.tolist()
    bars.figure_.canvas.draw()
    gates = GateActivationDisplay.from_estimator(of_words, "a bad film", show="f")
    assert texts(gates.ax_.get_xticklabels()) == ["a", "bad", "film"]


@pytest.mark.parametrize("display", [GateActivationDisplay, HiddenStateDisplay, SaliencyDisplay])
def test_several_sequences_are_refused_as_such(classifier, display):
    same = np.stack([row[:3] for row in X])
    words = LSTMClassifier(**SMALL).fit([["a"], ["b", "c"]] * 6, Y)
    for model, x in ((classifier, X[:2]), (classifier, same), (words, [["a"], ["b"]])):
        with pytest.raises(DataFormatError, match=rf"x is a .* of {len(x)} sequences.*x\[0\]"):
            display.from_estimator(model, x)


def test_a_row_of_a_data_frame_is_a_sequence():
    import pandas as pd

    cells = {name: [np.arange(3.0) + i, np.arange(4.0)] * 6 for i, name in enumerate("pq")}
    frame = pd.DataFrame(cells)
    model = LSTMClassifier(**SMALL).fit(frame, Y)
    display = SaliencyDisplay.from_estimator(model, frame.iloc[[0]])
    assert texts(display.ax_.get_yticklabels()) == ["p", "q"]
    assert HiddenStateDisplay.from_estimator(model, frame.iloc[[1]]).states.shape == (4, 8)
    alone = LSTMClassifier(**SMALL).fit(frame[["p"]], Y)
    assert SaliencyDisplay.from_estimator(alone, frame[["p"]].iloc[[0]]).values is None


def test_the_names_of_features_stand_beside_them():
    counts = RNG.normal(size=(4, 2))
    display = SaliencyDisplay.from_attributions(counts, names=["pulse", "rate"], title="died")
    assert texts(display.ax_.get_yticklabels()) == ["pulse", "rate"]
    flat = SaliencyDisplay.from_attributions(np.zeros((4, 40)))
    flat.figure_.canvas.draw()


def test_the_history_is_drawn_with_its_best_epoch(classifier):
    display = HistoryDisplay.from_estimator(classifier)
    assert display.lines_["train_loss"].get_ydata().tolist() == classifier.loss_curve_
    assert display.best_epoch_ is None and len(display.axes_) == 2
    stopped = LSTMClassifier(**{**SMALL, "max_epochs": 4}, early_stopping=True).fit(X * 3, [*Y] * 3)
    display = HistoryDisplay.from_estimator(make_pipeline(SequenceScaler().fit(X), stopped))
    losses = [row["valid_loss"] for row in stopped.history_]
    assert display.best_epoch_ == np.argmin(losses) + 1
    assert set(display.lines_) == {"train_loss", "valid_loss", "valid_score", "lr"}
    assert HistoryDisplay.from_history([{"train_loss": 1.0}]).ax_.get_xlabel() == "Epoch"


def test_axes_of_the_user_are_drawn_on(classifier):
    _, axes = plt.subplots(3)
    display = GateActivationDisplay.from_gates(GATES, ax=axes)
    assert list(display.axes_) == list(axes)
    for draw in (
        lambda ax: GateActivationDisplay.from_gates(GATES, show="kept", ax=ax),
        lambda ax: HiddenStateDisplay.from_states(GATES["h"], ax=ax),
        lambda ax: SaliencyDisplay.from_attributions(GATES["h"], ax=ax),
        lambda ax: HistoryDisplay.from_history([{"train_loss": 1.0}], ax=ax),
    ):
        _, ax = plt.subplots()
        assert draw(ax).ax_ is ax
        assert draw(None).plot().ax_ is not ax
        with pytest.raises(InvalidParameterError, match="matplotlib Axes"):
            draw(3)


def test_what_does_not_fit_is_refused(classifier, monkeypatch):
    with pytest.raises(DataFormatError, match="at least i, f and g of an LSTM are due"):
        GateActivationDisplay.from_gates({"h": np.zeros((2, 2))})
    with pytest.raises(DataFormatError, match=r"all must be \(T, H\)"):
        GateActivationDisplay.from_gates({**GATES, "f": np.zeros((2, 3))})
    with pytest.raises(DataFormatError, match="There are 1 tokens and gates of 5 steps"):
        GateActivationDisplay.from_gates(GATES, ["a"])
    with pytest.raises(InvalidParameterError, match="show='z': there are 'i', 'f'"):
        GateActivationDisplay.from_gates(GATES, show="z")
    with pytest.raises(DataFormatError, match="there are 2 tokens"):
        HiddenStateDisplay.from_states(np.zeros((3, 2)), ["a", "b"])
    with pytest.raises(DataFormatError, match="with at least one step"):
        SaliencyDisplay.from_attributions([])
    with pytest.raises(DataFormatError, match="tokens is of 1, and the attributions of 2"):
        SaliencyDisplay.from_attributions([0.0, 1.0], tokens=["a"])
    with pytest.raises(DataFormatError, match="history has 0 epochs"):
        HistoryDisplay.from_history([])
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(LSTMClassifier())
    with pytest.raises(InvalidParameterError, match="SequenceScaler has no 'history_'"):
        HistoryDisplay.from_estimator(SequenceScaler().fit(X))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (
        lambda: GateActivationDisplay.from_estimator(classifier, X[0]),
        lambda: HiddenStateDisplay.from_estimator(classifier, X[0]),
        lambda: SaliencyDisplay.from_estimator(classifier, X[0]),
        lambda: HistoryDisplay.from_estimator(classifier),
    ):
        with pytest.raises(MissingDependencyError, match="requires matplotlib"):
            draw()
