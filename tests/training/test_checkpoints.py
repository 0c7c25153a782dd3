"""A fit that was interrupted goes on from its checkpoint and ends with the same bits.

Damaged files, and folders that cannot be written, are in test_checkpoint_files.py.
"""

import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, Freezer, LRScheduler, Unfreezer
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR, ReduceLROnPlateau

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    Words,
)
from seqlearn.errors import InvalidParameterError
from seqlearn.testing.material import names_for_vectors
from seqlearn.training.net import SequenceNet

SMALL = {
    "hidden_size": 4,
    "max_epochs": 4,
    "batch_size": 4,
    "random_state": 0,
    "device": "cpu",
    "dropout": 0.3,
}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=14)]
GAPPY = [np.where(RNG.random(x.shape) < 0.3, np.nan, x) for x in X]
Y = np.arange(14) % 3
WORDS = [["a", f"b{i}", *"aa"[: i % 2], "c"] for i in range(12)]  # no two alike
TAGS = [[word[0] for word in words] for words in WORDS]
TEXTS = [f"{'abc'[i % 3]} {i} bc" for i in range(12)]
FRAMES = RNG.integers(256, size=(8, 3, 6, 6, 1), dtype=np.uint8)
SERIES = pd.DataFrame({"y": np.sin(np.arange(40.0))}, index=pd.period_range("2000", periods=40))
PANEL = RNG.normal(size=(12, 2, 4))


class Crash(Exception):
    """What ends a fit in these tests as a power cut would: nobody catches it."""


@pytest.fixture
def crash(monkeypatch):
    """Return a function that lets the next fits crash in the midst of an epoch; None undoes it."""
    step, at = SequenceNet.train_step, None

    def train_step(net, batch, **given):
        if len(net.history) == at:
            raise Crash
        return step(net, batch, **given)

    def crash_at(epoch):
        nonlocal at
        at = epoch

    monkeypatch.setattr(SequenceNet, "train_step", train_step)
    return crash_at


def net_of(model):
    return getattr(model, "estimator_", model).net_


def assert_equal_fits(model, due):
    """Every weight, what the optimiser knows, and the history but for the times."""
    ours, theirs = net_of(model).module_.state_dict(), net_of(due).module_.state_dict()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=0, equal_nan=True, msg=name)
    rows, others = (list(net_of(one).history) for one in (model, due))
    assert len(rows) == len(others)
    for row, other in zip(rows, others, strict=True):
        row, other = ({k: v for k, v in one.items() if k != "dur"} for one in (row, other))
        assert row == other
    state, of_due = (net_of(one).optimizer_.state_dict() for one in (model, due))
    assert repr(state) == repr(of_due)


CASES = {
    "classifier": (LSTMClassifier, (X, Y), {"num_layers": 2}),
    "classifier, early stopping": (LSTMClassifier, (X, Y), {"early_stopping": True, "lr": 0.3}),
    "classifier, modules": (LSTMClassifier, (X, Y), {"backend": "gru", "gradient_clip": 0.1}),
    "classifier, NAdam in float64": (
        LSTMClassifier,
        (X, Y),
        {"optimizer": torch.optim.NAdam, "dtype": "float64", "lr_schedule": "one_cycle"},
    ),
    "classifier, LBFGS": (
        LSTMClassifier,
        (X, Y),
        {"optimizer": torch.optim.LBFGS, "lr_schedule": None, "weight_decay": 0},
    ),
    "classifier, momentum": (LSTMClassifier, (X, Y), {"optimizer": "sgd", "weight_decay": 0.1}),
    "classifier, rmsprop": (
        LSTMClassifier,
        (X, Y),
        {"optimizer": "rmsprop", "net_params": {"optimizer__centered": True}},
    ),
    "classifier of words": (LSTMClassifier, (WORDS, Y[:12]), {"words": Words(characters=3)}),
    "classifier of gaps": (LSTMClassifier, (GAPPY, Y), {"missing": "mask"}),
    "classifier of frames": (
        LSTMClassifier,
        (FRAMES, Y[:8]),
        {"frames": seqlearn.Frames(dropout=0.3, channels=(2,))},
    ),
    "regressor": (LSTMRegressor, (X, Y * 1.0), {"early_stopping": True}),
    "tagger": (BiLSTMTagger, (WORDS, TAGS), {"early_stopping": True}),
    "tagger, softmax": (BiLSTMTagger, (WORDS, TAGS), {"decoder": "softmax"}),
    "encoder": (SequenceEncoder, (X,), {}),
    "forecaster": (
        LSTMForecaster,
        (SERIES, None, [1, 2]),
        {"window_length": 6, "calibration": "conformal"},
    ),
    "detector": (LSTMAnomalyDetector, (X,), {"window": 5}),
    "detector by forecasts": (
        LSTMAnomalyDetector,
        (X,),
        {"method": "forecast", "window": 3, "early_stopping": True},
    ),
    "recommender": (LSTMRecommender, (WORDS,), {"n_negatives": 2}),
    "language model": (
        LSTMLanguageModel,
        ([" ".join(TEXTS) * 3, *TEXTS],),
        {"chunk_length": 7, "embedding_size": 4},
    ),
    "translator": (LSTMTranslator, (WORDS, WORDS), {"copy": True, "unknown_dropout": 0.3}),
    "transcriber": (LSTMTranscriber, (X, ["ab", "a"] * 7), {}),
    "sktime classifier": (SktimeLSTMClassifier, (PANEL, Y[:12]), {}),
    "sktime detector": (SktimeLSTMAnomalyDetector, (SERIES,), {"window": 6}),
}


def went_on(make, data, folder, crash, at=3):
    """Let a fit crash in epoch ``at``, make it anew and fit it again; return both kinds of it."""
    due = make().fit(*data)
    crash(at)
    with pytest.raises(Crash):
        make(checkpoint=folder).fit(*data)
    crash(at - 1)  # would be raised in an epoch that is trained again
    return make(checkpoint=str(folder)).fit(*data), due


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*infeasible.*")
@pytest.mark.parametrize("name", CASES)
def test_a_fit_goes_on_to_the_bit(name, tmp_path, crash):
    kind, data, params = CASES[name]
    params = {**SMALL, "max_epochs": 3, **params}
    model, due = went_on(lambda **more: kind(**params | more), data, tmp_path, crash)
    assert_equal_fits(model, due)
    [folder] = tmp_path.iterdir()
    assert len(os.listdir(folder)) == 2


BACKENDS = {"alstmfcn", "awd", "grud", "reference", "slstm"}  # moving means, noise of their own


@pytest.mark.parametrize("backend", sorted(BACKENDS.intersection(names_for_vectors())))
def test_with_other_backends(backend, tmp_path, crash):
    params = {**SMALL, "backend": backend, "max_epochs": 2}
    model, due = went_on(lambda **m: LSTMClassifier(**params | m), (X, Y), tmp_path, crash, at=2)
    assert_equal_fits(model, due)


def test_in_bfloat16(tmp_path, crash, fit_in_bf16):
    due = fit_in_bf16(LSTMClassifier(**SMALL, precision="bf16"), X, Y)
    crash(3)
    with pytest.raises(Crash):
        LSTMClassifier(**SMALL, precision="bf16", checkpoint=tmp_path).fit(X, Y)
    crash(2)
    model = LSTMClassifier(**SMALL, precision="bf16", checkpoint=tmp_path).fit(X, Y)
    assert_equal_fits(model, due)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["classifier", "tagger", "language model", "translator"])
def test_on_a_card(name, tmp_path, crash):
    kind, data, params = CASES[name]
    params = SMALL | {"device": "cuda"} | params
    model, due = went_on(lambda **more: kind(**params | more), data, tmp_path, crash)
    assert_equal_fits(model, due)


# Callbacks.


class Counts(Callback):
    """Counts batches, and scales gradients by a number that it changes: with plain attributes."""

    def __init__(self):
        self.seen = []
        self._factor, self.moment_ = 1.0, None

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self._factor *= 0.95
        for _, parameter in named_parameters:
            parameter.grad.mul_(self._factor)
            self.moment_ = parameter.grad.clone()

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(len(net.history))


class SaysItself(Callback):
    """Keeps what is no data, and says what of it is."""

    def on_train_begin(self, net, **kwargs):
        self.generator_ = torch.Generator().manual_seed(0)

    def state_dict(self):
        return {"generator": self.generator_.get_state()}

    def load_state_dict(self, state):
        self.generator_.set_state(state["generator"])

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            scale = 1 + 0.1 * torch.rand(1, generator=self.generator_)
            next(net.module_.parameters()).data.mul_(scale)


CALLBACKS = {
    "plateaus": lambda: [LRScheduler(ReduceLROnPlateau, patience=0, threshold=0.5)],
    "one cycle": lambda: [LRScheduler(OneCycleLR, max_lr=0.1, total_steps=16, step_every="batch")],
    "steps": lambda: [LRScheduler(MultiStepLR, milestones=[1, 3])],
    "restarts": lambda: [("restarts", LRScheduler())],
    "frozen": lambda: [Freezer("encoder.*", at=2), Unfreezer("encoder.*", at=4)],
    "scores": lambda: [
        EpochScoring("accuracy", name="hits", lower_is_better=False),
        ("own", EarlyStopping("hits", lower_is_better=False, sink=str, load_best=True)),
    ],
    "of the user": lambda: [Counts()],
    "that say themselves": lambda: [SaysItself],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_go_on_too(name, tmp_path, crash):
    def make(**more):
        return LSTMClassifier(
            **SMALL | {"lr_schedule": None, "early_stopping": True, "optimizer": "sgd"} | more,
            callbacks=CALLBACKS[name](),
        )

    model, due = went_on(make, (X, Y), tmp_path, crash)
    assert_equal_fits(model, due)
    if name == "of the user":
        [ours], [theirs] = model.callbacks, due.callbacks
        assert ours.seen == theirs.seen == [1, 2, 3, 4]
        assert ours._factor == theirs._factor and torch.equal(ours.moment_, theirs.moment_)


def test_one_callback_object_in_two_fits_is_one(tmp_path, crash):
    """What a fit leaves in it, its parameters apart, makes no other fit of the next."""
    counts, due = Counts(), LSTMClassifier(**SMALL, callbacks=[Counts()]).fit(X, Y)
    model = LSTMClassifier(**SMALL, callbacks=[counts], checkpoint=tmp_path)
    crash(3)
    with pytest.raises(Crash):
        model.fit(X, Y)
    crash(2)
    assert_equal_fits(model.fit(X, Y), due)
    assert counts.seen == [1, 2, 3, 4]


def test_what_a_callback_keeps_and_no_file_can_hold_is_named_at_the_end_of_the_first_epoch(
    tmp_path,
):
    class Opens(Callback):
        def on_train_begin(self, net, **kwargs):
            self.file_ = open(os.devnull)

        def on_train_end(self, net, **kwargs):
            self.file_.close()

    opens = Opens()
    model = LSTMClassifier(**SMALL, callbacks=[opens], checkpoint=tmp_path)
    with pytest.raises(InvalidParameterError, match=r"Opens in callbacks has file_ .*state_dict"):
        model.fit(X, Y)
    assert not hasattr(model, "net_")
    opens.file_.close()

    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("what", object())

    with pytest.raises(InvalidParameterError, match="history of epoch 1 holds"):
        LSTMClassifier(**SMALL, callbacks=[Records()], checkpoint=tmp_path).fit(X, Y)


# Which fit goes on, and how far.


def trained_epochs(model, data, monkeypatch):
    """Fit, and return the numbers of the epochs that were trained."""
    epochs, run = [], SequenceNet.run_single_epoch

    def run_single_epoch(net, iterator, training, **given):
        if training:
            epochs.append(len(net.history))
        return run(net, iterator, training, **given)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceNet, "run_single_epoch", run_single_epoch)
        model.fit(*data)
    return epochs


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}])
def test_a_finished_fit_is_not_trained_again(params, tmp_path, monkeypatch):
    def make():
        return LSTMClassifier(**SMALL | params, checkpoint=tmp_path)

    due = make()
    assert trained_epochs(due, (X, Y), monkeypatch) == [1, 2, 3, 4]
    again = make()
    assert trained_epochs(again, (X, Y), monkeypatch) == []
    assert_equal_fits(again, due)
    assert trained_epochs(again, ([x.tolist() for x in X], list(Y)), monkeypatch) == []


def test_nor_is_one_that_stopped_early(tmp_path, monkeypatch):
    params = SMALL | {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.5, "max_epochs": 9}
    due = LSTMClassifier(**params).fit(X, Y)
    assert due.n_iter_ < 9
    for expected in (list(range(1, due.n_iter_ + 1)), []):
        model = LSTMClassifier(**params, checkpoint=tmp_path)
        assert trained_epochs(model, (X, Y), monkeypatch) == expected
        assert_equal_fits(model, due)


def test_more_epochs_where_no_schedule_is_planned_over_them(tmp_path, monkeypatch):
    params = SMALL | {"lr_schedule": None, "early_stopping": True}
    due = LSTMClassifier(**params | {"max_epochs": 6}).fit(X, Y)
    LSTMClassifier(**params, checkpoint=tmp_path).fit(X, Y)
    model = LSTMClassifier(**params | {"max_epochs": 6}, checkpoint=tmp_path)
    assert trained_epochs(model, (X, Y), monkeypatch) == [5, 6]
    assert_equal_fits(model, due)
    fewer = LSTMClassifier(**params | {"max_epochs": 2}, checkpoint=tmp_path)
    with pytest.warns(UserWarning, match=r"after 6 epochs, more than max_epochs=2. Training begin"):
        assert trained_epochs(fewer, (X, Y), monkeypatch) == [1, 2]
    assert_equal_fits(fewer, LSTMClassifier(**params | {"max_epochs": 2}).fit(X, Y))


def test_more_epochs_with_a_schedule_begin_anew_and_say_so(tmp_path, monkeypatch):
    LSTMClassifier(**SMALL, checkpoint=tmp_path).fit(X, Y)
    model = LSTMClassifier(**SMALL | {"max_epochs": 6}, checkpoint=tmp_path)
    with pytest.warns(UserWarning, match=r"updates planned was \[16\], is \[24\].*begins anew"):
        assert trained_epochs(model, (X, Y), monkeypatch) == [1, 2, 3, 4, 5, 6]
    again = LSTMClassifier(**SMALL, checkpoint=tmp_path)  # whose files are still there
    assert trained_epochs(again, (X, Y), monkeypatch) == []


def test_another_version_begins_anew_and_says_so(tmp_path, monkeypatch):
    from seqlearn.training import checkpoints

    LSTMClassifier(**SMALL, checkpoint=tmp_path).fit(X, Y)
    origin = checkpoints.origin()
    monkeypatch.setattr(checkpoints, "origin", lambda: {**origin, "torch": "99.1"})
    model = LSTMClassifier(**SMALL, checkpoint=tmp_path)
    with pytest.warns(UserWarning, match=r"\(torch was .*, is 99\.1\)"):
        assert trained_epochs(model, (X, Y), monkeypatch) == [1, 2, 3, 4]
    monkeypatch.undo()
    again = LSTMClassifier(**SMALL, checkpoint=tmp_path)
    assert trained_epochs(again, (X, Y), monkeypatch) == []


OTHERS = {
    "rate": {"lr": 0.02},
    "seed": {"random_state": 1},
    "patience": {"early_stopping": True, "n_iter_no_change": 3},
    "clip": {"gradient_clip": None},
    "schedule": {"lr_schedule": "one_cycle"},
    "optimiser's": {"net_params": {"optimizer__betas": (0.8, 0.9)}},
    "callback's": {"callbacks": [Freezer("encoder.*", at=3)]},
    "callback's function": {"callbacks": [Freezer(lambda name: name.startswith("head"), at=3)]},
    "another function": {"callbacks": [Freezer(lambda name: name.startswith("enc"), at=3)]},
    "backend's": {"backend": seqlearn.load_backend("torch")(forget_bias=0.5)},
}


def test_other_parameters_and_data_are_other_fits(tmp_path, monkeypatch):
    def epochs(data=(X, Y), **params):
        model = LSTMClassifier(**SMALL | {"max_epochs": 1} | params, checkpoint=tmp_path)
        return trained_epochs(model, data, monkeypatch)

    assert epochs() == [1] and epochs() == []
    same = {"verbose": 2, "n_iter_no_change": 5, "precision": "float32", "lr": np.float64(0.01)}
    assert epochs(**same, net_params={}) == []  # as it is without early stopping
    for params in OTHERS.values():
        assert epochs(**params) == [1] and epochs(**params) == []
    for data in (
        (X[:-1], Y[:-1]),
        ([*X[:-1], X[-1] + 1e-6], Y),
        (X, Y[::-1]),
        (X, Y, np.arange(14) + 1.0),
    ):
        assert epochs(data) == [1] and epochs(data) == []
    assert len(os.listdir(tmp_path)) == 1 + len(OTHERS) + 4
    assert epochs(**next(iter(OTHERS.values()))) == []
    assert epochs(random_state=np.random.RandomState(3)) == [1]
    assert epochs(random_state=np.random.RandomState(3)) == []


def test_partial_fit_writes_nothing_and_a_warm_start_is_a_fit_like_any(tmp_path, crash):
    LSTMClassifier(**SMALL, checkpoint=tmp_path / "a").partial_fit(X, Y, classes=[0, 1, 2])
    assert not os.path.exists(tmp_path / "a")
    models = [LSTMClassifier(**SMALL, warm_start=True).fit(X, Y) for _ in range(2)]
    due, model = models[0].fit(X, Y), models[1].set_params(checkpoint=tmp_path)
    crash(3)
    with pytest.raises(Crash):
        model.fit(X, Y)
    crash(2)
    assert_equal_fits(model.fit(X, Y), due)
    assert model.n_iter_ == 8


def test_ctrl_c_keeps_the_fit_so_far_and_the_next_one_goes_on(tmp_path, monkeypatch):
    class Press(Callback):
        epoch = 3

        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == self.epoch:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(signal, "default_int_handler", signal.default_int_handler)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        due = LSTMClassifier(**SMALL).fit(X, Y)
        model = LSTMClassifier(**SMALL, callbacks=[Press()], checkpoint=tmp_path)
        for _ in range(2):  # at once after going on, too
            with pytest.raises(KeyboardInterrupt):
                model.fit(X, Y)
            assert model.n_iter_ == 2 and len(model.predict(X)) == 14
        Press.epoch = None
        assert trained_epochs(model, (X, Y), monkeypatch) == [3, 4]
    finally:
        signal.signal(signal.SIGINT, before)
    for one, other in zip(
        model.net_.module_.parameters(), due.net_.module_.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_it_says_where_it_begins(tmp_path, capsys, crash):
    model = LSTMClassifier(**SMALL, checkpoint=tmp_path)
    crash(3)
    with pytest.raises(Crash):
        model.set_params(verbose=2).fit(X, Y)
    crash(None)
    first = capsys.readouterr().out
    assert f"begins at epoch 1; checkpoints go to {tmp_path}" in first and "epoch 2/4" in first
    model.set_params(verbose=1).fit(X, Y)
    shown = capsys.readouterr()
    assert "goes on after epoch 2 of 4, from" in shown.out and "4/4" in shown.err
    LSTMClassifier(**SMALL, checkpoint=tmp_path).fit(X, Y)
    assert capsys.readouterr() == ("", "")


# kill -9.

SCRIPT = """
import os, random, signal, sys, time
import numpy as np
import torch
import seqlearn
torch.set_num_threads(1)
rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 3)) for n in rng.integers(3, 20, size=100)]

def fit(folder):
    model = seqlearn.LSTMClassifier(
        hidden_size=8, max_epochs=30, batch_size=16, early_stopping=True, n_iter_no_change=30,
        random_state=0, device="cpu", checkpoint=folder,
    )
    return model.fit(X, np.arange(100) % 3)

def values(model):
    weights = [one.detach().numpy().ravel() for one in model.net_.module_.parameters()]
    return np.concatenate([*weights, model.loss_curve_])

began = time.monotonic()
fit(sys.argv[1] + "-once")
took, chance, kills = time.monotonic() - began, random.Random(0), 0
while kills < 20:
    child = os.fork()
    if child == 0:
        fit(sys.argv[1])
        os._exit(0)
    time.sleep(chance.uniform(0, took / 6))
    os.kill(child, signal.SIGKILL)
    kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    [folder] = os.listdir(sys.argv[1]) or [None]
    print(folder and sorted(os.listdir(os.path.join(sys.argv[1], folder))), flush=True)
assert np.array_equal(values(fit(sys.argv[1])), values(fit(None)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork and signals")
def test_killed_twenty_times_it_ends_with_the_same_bits(tmp_path):
    (tmp_path / "folder").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, tmp_path / "folder"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") >= 20
