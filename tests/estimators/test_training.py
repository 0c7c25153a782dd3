"""During and around training: stopping, going on, records, interruption, divergence."""

import contextlib
import io
import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from seqlearn import LSTMClassifier, LSTMRegressor, SequenceEncoder
from seqlearn.errors import DataFormatError, InvalidParameterError, TrainingDivergedError

SMALL = {"hidden_size": 6, "max_epochs": 5, "random_state": 0}


class Interrupt(Callback):
    """Raise ``error`` in the middle of an epoch, as a person or a bug would."""

    def __init__(self, epoch, error=KeyboardInterrupt):
        self.epoch = epoch
        self.error = error

    def on_batch_begin(self, net, training=None, **kwargs):
        if training and len(net.history) == self.epoch:
            raise self.error


class Poison(Callback):
    """Make the weights infinite at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            with torch.no_grad():
                net.module_.head.linear.bias.fill_(math.inf)


def state_of(model):
    return pickle.dumps({k: v for k, v in vars(model).items() if k != "callbacks"})


# Records


def test_history_has_a_row_an_epoch(ragged):
    model = LSTMClassifier(**SMALL).fit(*ragged)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4, 5]
    assert set(model.history_[0]) == {"epoch", "train_loss", "lr", "seconds"}
    assert model.n_iter_ == 5
    assert model.loss_curve_ == [row["train_loss"] for row in model.history_]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.device_ == "cpu"


def test_the_training_loss_is_the_loss(ragged):
    """One full-batch epoch at a tiny rate: the recorded loss is the cross entropy of the start."""
    X, y = ragged
    model = LSTMClassifier(**SMALL, dropout=0.0)
    model.set_params(max_epochs=1, lr=1e-12, batch_size=len(X))
    model.fit(X, y)
    true = np.searchsorted(model.classes_, y)
    expected = -model.predict_log_proba(X)[np.arange(len(X)), true].mean()
    assert model.loss_curve_[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "constant_then_decay"])
def test_schedules_end_near_zero_and_never_exceed_lr(schedule, ragged):
    model = LSTMClassifier(**SMALL, lr=0.01, lr_schedule=schedule).set_params(max_epochs=20)
    rates = [row["lr"] for row in model.fit(*ragged).history_]
    assert max(rates) <= 0.01
    assert rates[-1] < 0.1 * max(rates)


def test_without_a_schedule_the_rate_is_constant(ragged):
    model = LSTMClassifier(**SMALL, lr=0.01, lr_schedule=None).fit(*ragged)
    assert {row["lr"] for row in model.history_} == {0.01}


# Early stopping


def test_early_stopping_restores_the_best_weights():
    """Labels are noise, so the held-out loss turns early; what is kept must have its minimum."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 8, 2)), rng.integers(0, 2, 120)
    model = LSTMClassifier(
        hidden_size=20,
        max_epochs=80,
        lr=0.02,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=6,
        tol=0.0,
        random_state=0,
    )
    held_out = {}

    class Watch(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            held_out["valid"] = net.train_split(X)[1]

    model.set_params(callbacks=[Watch()]).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) < 80 and len(losses) == int(np.argmin(losses)) + 1 + 6
    valid = held_out["valid"]
    assert len(valid) == 36
    with torch.inference_mode():
        outputs = model.net_.module_(**valid.inputs())
        loss = torch.nn.functional.cross_entropy(outputs, valid.y)
    assert float(loss) == pytest.approx(min(losses), rel=1e-4)
    assert {"valid_loss", "valid_score"} <= set(model.history_[0])


def test_best_weights_are_restored_without_an_early_end(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, lr=0.3, lr_schedule=None, early_stopping=True)
    model.set_params(max_epochs=6, n_iter_no_change=50, validation_fraction=0.3).fit(X, y)
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) == 6
    best = dict(model.net_.callbacks_)["EarlyStopping"].best_epoch_
    assert best == int(np.argmin(losses)) + 1


def test_the_validation_part_does_not_leak_into_target_scaling():
    """The held-out targets are huge; were they seen, the scale would be huge too."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4, 1)), rng.normal(size=40)
    plain = LSTMRegressor(**SMALL, early_stopping=True, validation_fraction=0.25)
    seen = []

    class Watch(Callback):
        def on_train_begin(self, net, X=None, **kwargs):
            seen.append(net.train_split(X)[1].values.clone())

    plain.set_params(callbacks=[Watch()]).fit(X, y)
    in_valid = [np.any([np.allclose(x, v, atol=1e-6) for v in seen[0].numpy()]) for x in X]
    assert sum(in_valid) == 10
    trained = y[~np.array(in_valid)]
    assert plain._learned.targets.mean[0] == pytest.approx(trained.mean())
    assert plain._learned.targets.scale[0] == pytest.approx(trained.std())


def test_a_class_of_one_stays_in_training(ragged):
    X, y = ragged
    y = y.astype(object)
    y[7] = "single"
    model = LSTMClassifier(**SMALL, early_stopping=True, validation_fraction=0.4).fit(X, y)
    assert "single" in model.classes_


def test_nothing_to_hold_out_is_an_error(ragged):
    X, _ = ragged
    model = LSTMClassifier(**SMALL, early_stopping=True)
    with pytest.raises(DataFormatError, match=r"cannot hold out any of 3 distinct rows"):
        model.fit(X[:3], ["a", "b", "c"])
    assert not hasattr(model, "net_")


# Going on


def test_partial_fit_trains_one_epoch_at_a_time(ragged):
    X, y = ragged
    model = LSTMClassifier(hidden_size=6, random_state=0)
    for _ in range(15):
        model.partial_fit(X[:20], y[:20], classes=["high", "low", "mid"])
        model.partial_fit(X[20:], y[20:])
    assert model.n_iter_ == 30
    assert [row["epoch"] for row in model.history_] == list(range(1, 31))
    assert model.score(X, y) > 0.8


def test_partial_fit_with_a_class_that_is_absent_so_far(ragged):
    X, y = ragged
    two = y != "mid"
    model = LSTMClassifier(hidden_size=6, random_state=0)
    model.partial_fit([X[i] for i in np.flatnonzero(two)], y[two], classes=["low", "mid", "high"])
    assert list(model.classes_) == ["high", "low", "mid"]
    assert model.predict_proba(X).shape == (40, 3)


@pytest.mark.parametrize(
    ("first", "y", "message"),
    [
        ({}, ["low"], "first call of partial_fit needs classes"),
        ({"classes": ["low", "high"]}, ["tall"], r"labels \['tall'\].*not among"),
    ],
)
def test_partial_fit_refusals(first, y, message, ragged):
    X, _ = ragged
    model = LSTMClassifier(**SMALL)
    with pytest.raises(DataFormatError, match=message):
        model.partial_fit(X[:1], y, **first)
    assert not hasattr(model, "classes_")


def test_partial_fit_with_other_classes_later(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL).partial_fit(X, y, classes=["high", "low", "mid"])
    before = state_of(model)
    with pytest.raises(DataFormatError, match="not the same as in the first call"):
        model.partial_fit(X, y, classes=["high", "low"])
    assert state_of(model) == before


def test_partial_fit_keeps_the_optimiser(ragged):
    """Pickling between two calls changes nothing, the optimiser's moments included."""
    X, y = ragged
    y = (y == "mid").astype(float)
    straight = LSTMRegressor(**SMALL).partial_fit(X, y).partial_fit(X, y)
    first = LSTMRegressor(**SMALL).partial_fit(X, y)
    pickled = pickle.loads(pickle.dumps(first)).partial_fit(X, y)
    assert np.array_equal(straight.predict(X), pickled.predict(X))


def test_partial_fit_does_not_repeat_its_noise(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, dropout=0.5)
    seeds = set()
    for _ in range(3):
        model.partial_fit(X, y, classes=["high", "low", "mid"])
        seeds.add(model.net_.module_.head.dropout._seed)
    assert len(seeds) == 3


def test_warm_start_goes_on(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    first = model.loss_curve_[-1]
    model.fit(X, y)
    assert model.n_iter_ == 10
    assert model.loss_curve_[5] < 1.3 * first
    assert model.loss_curve_[-1] < first


def test_fit_without_warm_start_forgets(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL).fit(X, y)
    once = model.predict_proba(X)
    assert np.array_equal(model.fit(X, y).predict_proba(X), once)
    assert model.n_iter_ == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 7}, "hidden_size was 6; now it is 7"),
        ({"backend": "gru"}, "backend was TorchLSTM"),
        ({"optimizer": "sgd"}, "optimizer was"),
    ],
)
def test_warm_start_with_another_network(change, message, ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(InvalidParameterError, match=message):
        model.set_params(**change).fit(X, y)
    assert np.array_equal(model.predict_proba(X), before)


def test_warm_start_with_other_classes(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    with pytest.raises(DataFormatError, match="continues with the classes"):
        model.fit(X, np.where(y == "mid", "low", y))


# Things go wrong


def test_a_failing_callback_leaves_the_estimator_as_it_was(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, callbacks=[Interrupt(2, RuntimeError)])
    with pytest.raises(RuntimeError):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())
    fitted = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    before = state_of(fitted)
    with pytest.raises(RuntimeError):
        fitted.set_params(callbacks=[Interrupt(2, RuntimeError)]).fit(X, y)
    assert state_of(fitted) == before


def test_divergence_keeps_the_last_good_weights(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, callbacks=[Poison(4)])
    with pytest.warns(ConvergenceWarning, match=r"epoch 4 of 5.*weights of epoch 3.*smaller lr"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict_proba(X)).all()
    until_then = LSTMClassifier(**SMALL, callbacks=[Interrupt(4)])
    with pytest.raises(KeyboardInterrupt):
        until_then.fit(X, y)
    assert np.array_equal(model.predict_proba(X), until_then.predict_proba(X))


def test_divergence_from_the_start_is_an_error(ragged):
    X, y = ragged
    model = LSTMClassifier(**SMALL, callbacks=[Poison(1)])
    with pytest.raises(TrainingDivergedError, match="epoch 1"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_a_huge_rate_diverges_with_advice(ragged):
    X, _ = ragged
    model = LSTMRegressor(
        hidden_size=4, optimizer="sgd", lr=1e30, gradient_clip=None, random_state=0
    )
    with pytest.raises(TrainingDivergedError, match="smaller lr"):
        model.fit(X, np.arange(len(X)))


# Silence and noise


def test_nothing_is_printed_or_written(ragged, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for Estimator in (LSTMClassifier, LSTMRegressor, SequenceEncoder):
        Estimator(**SMALL, early_stopping=True).fit(ragged[0], np.arange(40) % 2)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_verbose_shows_a_bar(ragged, capsys):
    LSTMClassifier(**SMALL, verbose=1).fit(*ragged)
    err = capsys.readouterr().err
    assert "LSTMClassifier" in err and "5/5" in err and "train_loss" in err


def test_more_verbose_prints_lines(ragged):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        LSTMClassifier(**SMALL, verbose=2, early_stopping=True).fit(*ragged)
    lines = text.getvalue().splitlines()
    assert len(lines) == 5
    assert "epoch 1/5" in lines[0] and "valid_score" in lines[0]


# The user's own


def test_net_params_reach_skorch(ragged):
    model = LSTMClassifier(**SMALL, net_params={"optimizer__betas": (0.5, 0.9)}).fit(*ragged)
    assert model.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)


@pytest.mark.parametrize("name", ["lr", "module", "callbacks", "max_epochs"])
def test_net_params_may_not_shadow_parameters(name, ragged):
    with pytest.raises(InvalidParameterError, match=f"net_params holds {name}"):
        LSTMClassifier(**SMALL, net_params={name: 1}).fit(*ragged)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop", torch.optim.Adagrad])
def test_every_optimizer_learns(optimizer, ragged):
    X, y = ragged
    rate = 0.3 if optimizer is torch.optim.Adagrad or optimizer == "sgd" else 0.03
    model = LSTMClassifier(hidden_size=8, optimizer=optimizer, lr=rate, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.9


@pytest.mark.slow
def test_weight_decay_shrinks_the_weights(ragged):
    def size(decay):
        model = LSTMClassifier(**SMALL, weight_decay=decay).set_params(max_epochs=40).fit(*ragged)
        return sum(float(p.detach().square().sum()) for p in model.net_.module_.parameters())

    assert size(0.1) < 0.8 * size(0.0)


def test_weight_decay_that_an_optimiser_lacks(ragged):
    model = LSTMClassifier(**SMALL, optimizer=torch.optim.Rprop, weight_decay=0.1)
    with pytest.raises(InvalidParameterError, match="Rprop has no weight_decay"):
        model.fit(*ragged)
