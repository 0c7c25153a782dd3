"""Ctrl-C: what was finished is kept, and the interrupt goes on to the caller, everywhere."""

import signal
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
    SktimeLSTMAnomalyDetector,
    SktimeLSTMClassifier,
    SktimeLSTMRegressor,
)
from seqlearn.training import callbacks
from seqlearn.training.interrupt import Sigint

SMALL = {"hidden_size": 3, "max_epochs": 4, "batch_size": 4, "random_state": 0, "device": "cpu"}
X = np.random.default_rng(0).normal(size=(12, 4, 2))
PANEL = X.transpose(0, 2, 1)
Y = np.arange(12) % 3
WORDS = [["a", f"b{i}", *"aa"[: i % 2], "c"] for i in range(12)]  # no two alike
SERIES = pd.DataFrame({"y": np.sin(np.arange(30.0))}, index=pd.period_range("2000", periods=30))
PAIR = pd.concat({"a": SERIES, "b": SERIES * 2})


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C raises, also where a shell that runs the tests behind it has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupt(Callback):
    """Interrupt at the end of an epoch, or in the middle: before its second batch.

    ``person`` sends the signal of Ctrl-C; else the exception alone is raised.
    """

    def __init__(self, epoch, at="batch", person=True):
        self.epoch, self.at, self.person = epoch, at, person

    def raise_it(self, net):
        if len(net.history) == self.epoch:
            if self.person:
                signal.raise_signal(signal.SIGINT)
            raise KeyboardInterrupt

    def on_batch_begin(self, net, training=None, **kwargs):
        if self.at == "batch" and training and len(net.history[-1, "batches"]) == 2:
            self.raise_it(net)

    def on_epoch_end(self, net, **kwargs):
        if self.at == "epoch":
            self.raise_it(net)


def fit_of(kind, *args, **params):
    """Return a function that fits an estimator of ``kind`` with a callback."""
    return lambda one: kind(**SMALL | params, callbacks=[one]), lambda model: model.fit(*args)


# What makes an estimator, what trains it, and its answers.
ESTIMATORS = {
    "classifier": (*fit_of(LSTMClassifier, X, Y), lambda m: m.predict_proba(X)),
    "modules": (
        *fit_of(LSTMClassifier, X, Y, backend="gru", optimizer=torch.optim.SGD),
        lambda m: m.predict_proba(X),
    ),
    "regressor": (*fit_of(LSTMRegressor, X, Y, early_stopping=True), lambda m: m.predict(X)),
    "tagger": (
        *fit_of(BiLSTMTagger, WORDS, [[word[0] for word in words] for words in WORDS]),
        lambda m: np.concatenate(m.predict_marginals(WORDS)),
    ),
    "encoder": (*fit_of(SequenceEncoder, X), lambda m: m.transform(X)),
    "encoder of an estimator": (
        lambda one: SequenceEncoder(LSTMClassifier(**SMALL, callbacks=[one])),
        lambda m: m.fit(X, Y),
        lambda m: m.transform(X),
    ),
    "forecaster": (
        *fit_of(LSTMForecaster, SERIES, None, [1, 2], window_length=6, calibration="conformal"),
        lambda m: m.predict_interval().to_numpy(),
    ),
    "pretrained forecaster": (
        lambda one: LSTMForecaster(**SMALL, window_length=6, callbacks=[one]),
        lambda m: m.pretrain(PAIR, fh=[1, 2]),
        lambda m: m.fit(SERIES, fh=[1, 2]).predict().to_numpy(),
    ),
    "sktime classifier": (
        *fit_of(SktimeLSTMClassifier, PANEL, Y),
        lambda m: m.predict_proba(PANEL),
    ),
    "sktime detector": (
        *fit_of(SktimeLSTMAnomalyDetector, SERIES, window=6),
        lambda m: m.transform_scores(SERIES).to_numpy(),
    ),
    "sktime regressor": (*fit_of(SktimeLSTMRegressor, PANEL, Y * 1.0), lambda m: m.predict(PANEL)),
}


def interrupted(train, model, note):
    with pytest.raises(KeyboardInterrupt) as caught:
        train(model)
    assert any(note in one for one in caught.value.__notes__)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_finished_epochs_are_kept_and_the_interrupt_is_raised(name):
    """As an oracle, a callback that ends the training after the second epoch, as skorch's do."""
    make, train, answers = ESTIMATORS[name]
    stopped = make(Interrupt(2, "epoch", person=False))
    train(stopped)
    for when in (Interrupt(3), Interrupt(3, person=False), Interrupt(2, "epoch")):
        model = interrupted(train, make(when), "interrupted after 2 of 4 epochs; it keeps")
        assert not hasattr(model, "_interrupt")
        np.testing.assert_array_equal(answers(model), answers(stopped))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_before_the_first_epoch_ends_nothing_is_fitted(name):
    make, train, _ = ESTIMATORS[name]
    model = make(Interrupt(1))
    before = vars(model).copy()
    interrupted(train, model, "interrupted before an epoch ended; it is as it was")
    assert vars(model) == before
    train(clone(model).set_params(**only_inner(model, "callbacks", None)))  # and trains later


def only_inner(model, name, value):
    return {f"estimator__{name}" if getattr(model, "estimator", None) else name: value}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_is_not_lost_when_its_next_training_is_interrupted_at_once(name):
    make, train, answers = ESTIMATORS[name]
    switch = Interrupt(99)
    model = make(switch)
    train(model)
    if isinstance(getattr(model, "estimator", None), BaseEstimator):
        switch = model.estimator.callbacks[0]
    expected = answers(model)
    switch.epoch = 1
    if name == "pretrained forecaster":
        return  # it is not pretrained again
    interrupted(train, model, "is as it was before")
    np.testing.assert_array_equal(answers(model), expected)


@pytest.mark.parametrize("continue_", ["partial_fit", "update", "pretrain"])
def test_going_on_may_be_interrupted_too(continue_):
    switch = Interrupt(99)
    if continue_ == "partial_fit":
        model = LSTMClassifier(**SMALL, callbacks=[switch]).fit(X, Y)
        again, answers = (lambda m: m.partial_fit(X, Y)), lambda m: m.predict_proba(X)
    else:
        model = LSTMForecaster(**SMALL, window_length=6, callbacks=[switch])
        if continue_ == "update":
            model.fit(SERIES[:-4], fh=[1])
            again, answers = (lambda m: m.update(SERIES)), lambda m: m.predict().to_numpy()
        else:
            model.pretrain(PAIR, fh=[1])
            again, answers = (lambda m: m.pretrain(PAIR)), lambda m: np.array(m.loss_curve_)
    before = answers(model)
    switch.epoch = 1
    interrupted(again, model, "it is as it was")
    np.testing.assert_array_equal(answers(model), before)
    switch.at = "epoch"
    interrupted(again, model, "interrupted after 1 of 1 epochs; it keeps")
    assert not np.array_equal(answers(model), before)
    if continue_ == "update":
        assert model.cutoff == SERIES.index[-1:]


def test_training_goes_on_from_the_last_finished_epoch():
    """Weights and the optimiser's moments are those of its end, wherever the next one broke off."""
    stopped = LSTMClassifier(**SMALL, warm_start=True)
    stopped.set_params(callbacks=[Interrupt(2, "epoch", person=False)]).fit(X, Y)
    model = LSTMClassifier(**SMALL, warm_start=True, callbacks=[Interrupt(3)])
    interrupted(lambda m: m.fit(X, Y), model, "after 2 of 4")
    assert model.n_iter_ == 2 and len(model.net_.history) == 2
    for one in (stopped, model):
        one.set_params(callbacks=None).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), stopped.predict_proba(X))


def test_training_goes_on_after_a_loss_that_was_no_number():
    class Poison(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            if len(net.history) == 3:
                for _, parameter in named_parameters:
                    parameter.grad.fill_(float("nan"))

    model = LSTMClassifier(**SMALL, warm_start=True, callbacks=[Poison()])
    with pytest.warns(UserWarning, match="epoch 3 of 4"):
        model.fit(X, Y)
    model.set_params(callbacks=None).fit(X, Y)
    assert model.n_iter_ == 6 and np.isfinite(model.loss_curve_).all()


def test_one_interrupt_ends_a_search():
    fits = []

    class Counted(LSTMClassifier):
        def fit(self, X, y):
            fits.append(self)
            return super().fit(X, y)

    search = GridSearchCV(
        Counted(**SMALL, callbacks=[Interrupt(2)]), {"lr": [0.1, 0.01]}, cv=3, error_score=np.nan
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert len(fits) == 1


def test_who_listens_to_the_signal_hears_it_during_a_fit_and_afterwards():
    heard = []

    class Press(Callback):
        def on_epoch_end(self, net, **kwargs):
            signal.raise_signal(signal.SIGINT)

    def listener(number, frame):
        heard.append(number)

    before = signal.signal(signal.SIGINT, listener)
    try:
        LSTMClassifier(**SMALL, callbacks=[Press()]).fit(X, Y)
        assert heard == [signal.SIGINT] * 4  # one that does not raise ends nothing
        assert signal.getsignal(signal.SIGINT) is listener
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_other_threads_no_signal_is_touched():
    handlers = []

    def work():
        with Sigint() as sigint:
            handlers.append(signal.getsignal(signal.SIGINT))
        handlers.append(sigint.came)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT), False]


class Halfway(list):
    """Press Ctrl-C while these are gone through."""

    def __iter__(self):
        for i, one in enumerate(super().__iter__()):
            if i == 2:
                signal.raise_signal(signal.SIGINT)
            yield one


def test_an_interrupt_while_an_epoch_is_kept_makes_no_mixture_of_two(monkeypatch):
    model = LSTMClassifier(**SMALL)
    stopped = LSTMClassifier(**SMALL, callbacks=[Interrupt(3, "epoch", person=False)]).fit(X, Y)

    def tensors(net):
        return Halfway(found(net)) if len(net.history) == 3 else found(net)

    found = callbacks._tensors
    monkeypatch.setattr(callbacks, "_tensors", tensors)
    interrupted(lambda m: m.fit(X, Y), model, "after 3 of 4 epochs; it keeps")
    np.testing.assert_array_equal(model.predict_proba(X), stopped.predict_proba(X))
    monkeypatch.undo()
    after = [m.partial_fit(X, Y).predict_proba(X) for m in (model, stopped)]
    np.testing.assert_array_equal(*after)
