"""skorch's callbacks do their work in every estimator, and are the objects that were given."""

import pickle
import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import accuracy_score, f1_score, get_scorer, make_scorer
from sklearn.model_selection import cross_val_score
from skorch import callbacks as skorch_callbacks
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    Freezer,
    GradientNormClipping,
    Initializer,
    InputShapeSetter,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    TrainEndCheckpoint,
    Unfreezer,
    WandbLogger,
)

from seqlearn import (
    BiLSTMTagger,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    SequenceEncoder,
    SktimeLSTMClassifier,
)
from seqlearn.errors import InvalidParameterError

SMALL = {
    "hidden_size": 3,
    "max_epochs": 3,
    "batch_size": 4,
    "random_state": 0,
    "device": "cpu",
    "early_stopping": True,
    "validation_fraction": 0.3,
    "lr_schedule": None,
}
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(2 + i % 3, 2)) for i in range(20)]
Y = np.arange(20) % 2
WORDS = [["a", f"b{i}", *"aa"[: i % 3], "c"] for i in range(20)]  # no two alike
LABELS = [[word[0] for word in words] for words in WORDS]
SERIES = pd.DataFrame({"y": np.sin(np.arange(40.0))}, index=pd.period_range("2000", periods=40))

ESTIMATORS = {
    "classifier": lambda **own: LSTMClassifier(**SMALL | own).fit(X, Y),
    "multilabel": lambda **own: LSTMClassifier(**SMALL | own).fit(
        X, np.stack([Y, np.arange(20) % 3 == 0], axis=1).astype(int)
    ),
    "modules": lambda **own: LSTMClassifier(
        **SMALL | {"backend": "gru", "optimizer": torch.optim.SGD} | own
    ).fit(X, Y),
    "regressor": lambda **own: LSTMRegressor(**SMALL | own).fit(X, Y * 1.0),
    "tagger": lambda **own: BiLSTMTagger(**SMALL | own).fit(WORDS, LABELS),
    "encoder": lambda **own: SequenceEncoder(**SMALL | own).fit(X),
    "forecaster": lambda **own: LSTMForecaster(**{"window_length": 6} | SMALL | own).fit(
        SERIES, fh=[1, 2]
    ),
    "adapter": lambda **own: SktimeLSTMClassifier(**SMALL | own).fit(
        RNG.normal(size=(20, 2, 4)), Y
    ),
}


def net_of(model):
    return getattr(model, "estimator_", model).net_


class Recorder:
    """Stands for a run of Neptune, W&B, MLflow, Sacred or TensorBoard: keeps what it is told."""

    def __init__(self):
        self.lock = threading.Lock()  # cannot be copied
        self.told = []
        self.info = SimpleNamespace(run_id="run")

    def __getitem__(self, key):
        return self

    def __setitem__(self, key, value):
        self.note(key, value)

    def note(self, *args, **kwargs):
        self.told.append((args, kwargs))

    append = close = stop = watch = log = log_scalar = add_scalar = note
    log_metric = log_artifact = set_terminated = note


def all_callbacks(folder):
    """One of each callback that skorch has, or several where settings matter."""
    run = Recorder()
    run.dir = str(folder)
    checkpoint = Checkpoint(dirname=str(folder), f_pickle="net.pkl", fn_prefix="best_")
    return {
        "BatchScoring": [BatchScoring(None, name=f"b{on}", on_train=on) for on in (True, False)],
        "Callback": [Callback()],
        "Checkpoint": [checkpoint, Checkpoint(dirname=str(folder), load_best=True)],
        "EarlyStopping": [EarlyStopping(patience=9), EarlyStopping("train_loss", load_best=True)],
        "EpochScoring": [
            EpochScoring(None, name=f"e{on}{keep}", on_train=on, use_caching=keep)
            for on in (True, False)
            for keep in (True, False)
        ],
        "EpochTimer": [EpochTimer(), EpochTimer],
        "Freezer": [Freezer("encoder*")],
        "GradientNormClipping": [GradientNormClipping(0.1)],
        "Initializer": [Initializer("*bias*", fn=torch.nn.init.zeros_)],
        "LRScheduler": [LRScheduler("StepLR", step_size=1)],
        "LoadInitState": [LoadInitState(checkpoint)],
        "MlflowLogger": [MlflowLogger(run, run, log_on_batch_end=True)],
        "NeptuneLogger": [NeptuneLogger(run, log_on_batch_end=True, close_after_train=False)],
        "ParamMapper": [ParamMapper("*", fn=lambda p: p.data.mul_(0.9))],
        "PassthroughScoring": [PassthroughScoring("valid_loss")],
        "PrintLog": [PrintLog(sink=run.note)],
        "ProgressBar": [ProgressBar(), ProgressBar("count")],
        "SacredLogger": [SacredLogger(run, log_on_batch_end=True)],
        "TensorBoard": [TensorBoard(run)],
        "TrainEndCheckpoint": [TrainEndCheckpoint(dirname=str(folder))],
        "Unfreezer": [Unfreezer("encoder*", at=2)],
        "WandbLogger": [WandbLogger(run)],
        "WarmRestartLR": [LRScheduler("WarmRestartLR", step_every="batch")],
    }


def test_all_callbacks_of_skorch_are_known_here(tmp_path):
    assert set(skorch_callbacks.__all__) <= {*all_callbacks(tmp_path), "InputShapeSetter"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_callbacks_of_skorch_work_in_every_estimator(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(NeptuneLogger, "_model_summary_file", staticmethod(str))
    found = all_callbacks(tmp_path)
    found["Checkpoint"] = found.pop("Checkpoint")  # last: it reads what others record
    given = [one for some in found.values() for one in some]
    net = net_of(ESTIMATORS[name](callbacks=given))
    called = [one for _, one in net.callbacks_]
    assert all(one in called for one in given if not isinstance(one, type))
    for row in net.history:
        assert row["eFalseTrue"] == row["eFalseFalse"] == pytest.approx(row["valid_score"])
        assert row["train_batch_count"] + row["valid_batch_count"] == len(row["batches"])
    told = found["TensorBoard"][0].writer.told
    tags = {kwargs["tag"] for _, kwargs in told if "tag" in kwargs}
    assert {"Loss/train_loss", "Loss/valid_loss", "Loss/valid_score", "eTrueTrue"} <= tags
    assert "it/s" in capsys.readouterr().err
    saved = pickle.loads((tmp_path / "best_net.pkl").read_bytes())
    assert [len(one) for one in saved.module_.parameters()] == [
        len(one) for one in net.module_.parameters()
    ]


WATCHERS = (
    "BatchScoring Checkpoint EpochScoring EpochTimer MlflowLogger NeptuneLogger PassthroughScoring "
    "PrintLog ProgressBar SacredLogger TensorBoard WandbLogger"
).split()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classifier", "modules", "tagger", "forecaster"])
def test_loggers_leave_every_bit_of_a_fit_as_it_is(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(NeptuneLogger, "_model_summary_file", staticmethod(str))
    found = all_callbacks(tmp_path)
    found["Checkpoint"].pop()  # it goes back to the best epoch, and says so
    seen = net_of(ESTIMATORS[name](callbacks=[one for kind in WATCHERS for one in found[kind]]))
    plain = net_of(ESTIMATORS[name]())
    for one, other in zip(seen.module_.parameters(), plain.module_.parameters(), strict=True):
        assert torch.equal(one, other)
    assert seen.history[:, "train_loss"] == plain.history[:, "train_loss"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("backend", ["torch", "gru", "reference"])
def test_the_graph_of_a_network_can_be_drawn_in_training(backend):
    """As ``SummaryWriter.add_graph`` does: it traces a module twice and compares what it got."""

    class Draw(Callback):
        def on_train_begin(self, net, X, **kwargs):
            inputs = X.inputs(np.arange(3))
            net.module_.eval()
            self.graph_ = torch.jit.trace(net.module_, (inputs["x"], inputs["lengths"])).graph

    draw = Draw()
    model = LSTMClassifier(**SMALL, backend=backend, callbacks=[draw]).fit(X, Y)
    assert "head" in str(draw.graph_)
    plain = LSTMClassifier(**SMALL, backend=backend).fit(X, Y)
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))


def begins_late(net, epoch):
    return net.history[-1, "epoch"] >= epoch


def halve(weight):
    weight.data.mul_(0.5)


def test_a_mapper_with_a_function_of_the_user_is_saved_with_it():
    mapper = ParamMapper("head*bias", fn=halve, at=partial(begins_late, epoch=2))
    again = pickle.loads(pickle.dumps(ESTIMATORS["classifier"](callbacks=[mapper])))
    assert again.callbacks[0].at.func is begins_late and again.callbacks[0].schedule is None


class Count(Callback):
    """Counts epochs, and keeps what it was told of the last one."""

    def initialize(self):
        self.epochs_ = 0
        return self

    def on_epoch_end(self, net, dataset_valid=None, **kwargs):
        self.epochs_ += 1
        self.valid_, self.net_ = dataset_valid, net


def test_the_objects_that_were_given_are_called():
    mine, named = Count(), Count()
    model = ESTIMATORS["classifier"](callbacks=[mine, ("named", named)])
    assert (mine.epochs_, named.epochs_) == (3, 3)
    assert dict(model.net_.callbacks_)["named"] is named
    copied = clone(model)
    assert copied.callbacks[0] is not mine and isinstance(copied.callbacks[0], Count)


class Shared(TensorBoard):
    def __sklearn_clone__(self):
        return self


@pytest.mark.parametrize("name", ["classifier", "encoder", "forecaster", "adapter"])
def test_a_callback_that_cannot_be_copied_is_named(name):
    model = ESTIMATORS[name](callbacks=[Count(), TensorBoard(Recorder())])
    copies = [clone, type(model).clone] if hasattr(model, "clone") else [clone]
    for copy in copies:
        with pytest.raises(InvalidParameterError, match=r"TensorBoard in callbacks of .*copied"):
            copy(model)


def test_copies_may_share_a_callback():
    run = Recorder()
    cross_val_score(LSTMClassifier(**SMALL, callbacks=[Shared(run)]), X, Y, cv=2)
    steps = [told[1]["global_step"] for told in run.told if told[1].get("tag") == "dur"]
    assert steps == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("name", ["classifier", "encoder", "forecaster", "adapter"])
def test_a_fitted_estimator_with_loggers_of_skorch_is_cloned(name, monkeypatch):
    """After a fit, two of them hold attributes that clone would hand to their constructors."""
    monkeypatch.setattr(NeptuneLogger, "_model_summary_file", staticmethod(str))
    run = Recorder()
    del run.lock
    loggers = [
        MlflowLogger(run, run, log_on_batch_end=True, keys_ignored="dur"),
        ("neptune", NeptuneLogger(run, close_after_train=False)),
    ]
    model = ESTIMATORS[name](callbacks=loggers)
    assert hasattr(loggers[0], "_batch_count") and hasattr(loggers[1][1], "_base_namespace")
    for copy in [clone, *([type(model).clone] if hasattr(model, "clone") else [])]:
        mlflow, (called, neptune) = copy(model).callbacks
        assert (type(mlflow), called, type(neptune)) == (MlflowLogger, "neptune", NeptuneLogger)
        assert mlflow.keys_ignored == "dur" and mlflow is not loggers[0]
    assert model.callbacks is loggers and loggers[0]._batch_count > 0


class Board(TensorBoard):
    """Opens a writer for each fit; of its attributes, the constructor takes one."""

    def __init__(self, _folder="here"):
        super().__init__(writer=None)
        self._folder, self.opened = _folder, []

    def on_train_begin(self, net, **kwargs):
        self.writer = Recorder()  # which cannot be copied
        self.opened.append(self.writer)


def test_copies_of_a_callback_are_made_of_the_parameters_of_its_constructor():
    board = Board("there")
    model = ESTIMATORS["classifier"](callbacks=[board])
    (copied,) = clone(model).callbacks
    assert (copied._folder, copied.opened, copied.writer) == ("there", [], None)
    cross_val_score(model, X, Y, cv=2)
    assert len(board.opened) == 1 and board.writer.told


# What history keeps


@pytest.mark.parametrize("name", ["classifier", "modules", "tagger", "forecaster"])
def test_history_has_a_row_a_batch_whether_somebody_looks_or_not(name):
    class Look(Callback):
        def on_batch_end(self, net, batch, training, loss, **kwargs):
            row = net.history[-1, "batches", -1]
            assert row["train_loss" if training else "valid_loss"] == loss.item()

    unseen, seen = (net_of(ESTIMATORS[name](callbacks=own)).history for own in ([], [Look()]))
    for row, other in zip(unseen, seen, strict=True):
        assert row["batches"] == other["batches"]
        for part in ("train", "valid"):
            rows = [one for one in row["batches"] if f"{part}_loss" in one]
            sizes = [one[f"{part}_batch_size"] for one in rows]
            losses = [one[f"{part}_loss"] for one in rows]
            assert len(rows) == row[f"{part}_batch_count"]
            assert row[f"{part}_loss"] == pytest.approx(np.average(losses, weights=sizes))
            if name != "forecaster":
                assert sum(sizes) == {"train": 14, "valid": 6}[part]


def test_history_knows_which_epochs_were_the_best():
    history = ESTIMATORS["classifier"](max_epochs=12, lr=0.3, n_iter_no_change=50).net_.history
    for name, best in (("train_loss", min), ("valid_loss", min), ("valid_score", max)):
        values = history[:, name]
        expected = [
            i == 0 or best([value, *values[:i]]) != best(values[:i])
            for i, value in enumerate(values)
        ]
        assert history[:, f"{name}_best"] == expected


# Scores


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_score_by_name_is_that_of_the_estimator(name):
    accepted = {"regressor": "r2", "forecaster": "neg_mean_absolute_error", "encoder": None}
    own = EpochScoring(accepted.get(name, "accuracy"), name="own")
    row = net_of(ESTIMATORS[name](callbacks=[own])).history[-1]
    assert row["own"] == row["valid_score"]
    with pytest.raises(InvalidParameterError, match=r"\('roc_auc'\) in .*accepted are None"):
        ESTIMATORS[name](callbacks=[EpochScoring("roc_auc")])


def test_scores_are_weighted_as_rows_are():
    """As an oracle, the held-out rows as the network sees them, by scikit-learn's accuracy."""
    seen, weights = Count(), np.arange(1.0, 21.0)
    scores = [EpochScoring(None, name="cached"), EpochScoring("accuracy", use_caching=False)]
    model = LSTMClassifier(**SMALL | {"max_epochs": 1}, callbacks=[*scores, seen])
    model.fit(X, Y, sample_weight=weights)
    valid = seen.valid_
    codes = model.net_.module_(**valid.inputs(np.arange(len(valid)))).argmax(dim=1)
    assert valid.w is not None
    expected = accuracy_score(valid.y, codes, sample_weight=valid.w)
    row = model.net_.history[-1]
    assert row["cached"] == row["accuracy"] == pytest.approx(expected)


def test_callables_and_scorers_get_codes_and_probabilities():
    seen = {}

    def look(net, X, y):
        seen.update(y=y, codes=net.predict(X), probabilities=net.predict_proba(X))
        return 0.0

    f1 = make_scorer(f1_score, average="macro")
    given = [look, accuracy_score, EpochScoring(f1, name="f1")]
    given += [EpochScoring(get_scorer("neg_log_loss"), name="log")]
    given = [one if isinstance(one, EpochScoring) else EpochScoring(one) for one in given]
    row = ESTIMATORS["classifier"](callbacks=given).net_.history[-1]
    y, codes, probabilities = seen.values()
    assert y.shape == codes.shape == (6,) and set(y) == {0, 1}
    assert row["accuracy_score"] == np.mean(y == codes)
    assert row["f1"] == pytest.approx(f1_score(y, codes, average="macro"))
    assert row["log"] == pytest.approx(np.log(probabilities[np.arange(6), y]).mean())


@pytest.mark.parametrize("name", ["tagger", "forecaster", "regressor", "encoder"])
def test_callables_get_targets_and_predictions_of_one_shape(name):
    shapes = []

    def look(net, X, y):
        shapes.append((y.shape, net.predict(X).shape))
        return 0.0

    own = [EpochScoring(look, use_caching=True), BatchScoring(look, on_train=True, name="b")]
    net = net_of(ESTIMATORS[name](callbacks=own))
    assert all(y == predicted for y, predicted in shapes)
    with pytest.raises(AttributeError, match="for classes"):
        net.predict_proba(X)


def test_labels_of_steps_are_scored_step_by_step():
    row = ESTIMATORS["tagger"](
        callbacks=[EpochScoring(accuracy_score), EpochScoring("accuracy")]
    ).net_.history[-1]
    assert 0 < row["accuracy_score"] == pytest.approx(row["accuracy"])


class Compare(Callback):
    def on_epoch_end(self, net, **kwargs):
        assert net.history[-1]["valid_loss"] < 100


@pytest.mark.parametrize(
    "one",
    [
        Compare(),
        Checkpoint(f_history=None),
        EarlyStopping(),
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_without_validation_the_remedy_is_said(one):
    message = r"not recorded: .*valid_loss.* An epoch has .*train_loss.* early_stopping=True"
    with pytest.raises(InvalidParameterError, match=message):
        ESTIMATORS["classifier"](early_stopping=False, callbacks=[one])


def test_errors_of_callbacks_themselves_are_raised_as_they_are():
    class Broken(Callback):
        def on_epoch_end(self, net, **kwargs):
            {}["mine"]

    with pytest.raises(KeyError, match="mine"):
        ESTIMATORS["classifier"](callbacks=[Broken()])


def test_what_is_not_recorded_with_validation_either_is_named():
    with pytest.raises(InvalidParameterError, match=r"'valid_acc' .*valid_loss, .*best.$"):
        ESTIMATORS["classifier"](callbacks=[EarlyStopping(monitor="valid_acc")])


# Learning rates, weights, gradients


def test_a_scheduler_steps_after_every_batch():
    rates = []

    class Look(Callback):
        def on_batch_begin(self, net, training=None, **kwargs):
            if training:
                rates.append(net.optimizer_.param_groups[0]["lr"])

    own = [LRScheduler("StepLR", step_size=1, gamma=0.5, step_every="batch"), Look()]
    ESTIMATORS["classifier"](callbacks=own)
    assert rates == [0.01 * 0.5**i for i in range(12)]


def test_a_scheduler_beside_ours_is_said_and_followed():
    class Mine(LRScheduler):
        pass

    own = Mine("StepLR", step_size=1, gamma=0.5)
    with pytest.warns(UserWarning, match=r"Mine, which sets.*lr_schedule='cosine' is not followed"):
        model = ESTIMATORS["classifier"](callbacks=[own], lr_schedule="cosine")
    assert model.net_.history[:, "lr"] == [0.01, 0.005, 0.0025]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", torch.optim.AdamW])
@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_frozen_weights_stay_to_the_bit(backend, optimizer):
    """Momentum and weight decay would move them though their gradient is zero."""
    seen = []

    class Look(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append({k: v.clone() for k, v in net.module_.state_dict().items()})

    own = [Freezer("encoder*", at=2), Unfreezer("encoder*", at=4), Look()]
    more = {"optimizer": optimizer, "weight_decay": 0.1, "backend": backend, "max_epochs": 4}
    ESTIMATORS["classifier"](callbacks=own, early_stopping=False, **more)
    for name in seen[0]:
        first, second, third, fourth = (one[name] for one in seen)
        assert torch.equal(first, second) == torch.equal(second, third) == ("encoder" in name)
        assert not torch.equal(third, fourth)


def test_nothing_left_to_train_is_refused():
    with pytest.raises(InvalidParameterError, match=r"epoch 2 no parameter .* left to train"):
        ESTIMATORS["classifier"](callbacks=[Freezer("*", at=2)])


@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_data_and_gradients_may_be_replaced(backend):
    """A callback that puts other tensors in their place does what one does that changes them."""

    class Change(Callback):
        def on_batch_begin(self, net, **kwargs):
            net.module_.zero_grad()

        def on_grad_computed(self, net, named_parameters, **kwargs):
            for _, parameter in named_parameters:
                parameter.grad.clamp_(-0.01, 0.01)

        def on_batch_end(self, net, **kwargs):
            for parameter in net.module_.parameters():
                parameter.data.clamp_(-0.2, 0.2)

    class Replace(Change):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            for _, parameter in named_parameters:
                parameter.grad = parameter.grad.clamp(-0.01, 0.01)

        def on_batch_end(self, net, **kwargs):
            for parameter in net.module_.parameters():
                parameter.data = parameter.data.clamp(-0.2, 0.2)

    changed, replaced = (
        ESTIMATORS["classifier"](callbacks=[one()], backend=backend, lr=0.1)
        for one in (Change, Replace)
    )
    np.testing.assert_array_equal(changed.predict_proba(X), replaced.predict_proba(X))
    largest = max(float(p.detach().abs().max()) for p in replaced.net_.module_.parameters())
    assert largest == pytest.approx(0.2)


# Checkpoints


def test_the_best_epoch_of_a_checkpoint_is_loaded(tmp_path):
    saved = Checkpoint("train_loss_best", dirname=str(tmp_path), load_best=True)
    model = ESTIMATORS["classifier"](
        callbacks=[saved], early_stopping=False, lr=1.0, max_epochs=8, optimizer="sgd"
    )
    weights = torch.load(tmp_path / "params.pt")
    for name, value in model.net_.module_.state_dict().items():
        assert torch.equal(value, weights[name])
    assert model.net_.history[-1, "train_loss_best"]
    assert model.n_iter_ == len(model.net_.history)


def test_a_training_goes_on_from_a_file(tmp_path):
    start = []

    class Look(Callback):
        def on_train_begin(self, net, **kwargs):
            start.append({k: v.clone() for k, v in net.module_.state_dict().items()})

    own = [TrainEndCheckpoint(dirname=str(tmp_path))]
    first = ESTIMATORS["classifier"](callbacks=own, early_stopping=False)
    own += [LoadInitState(own[0]), Look()]
    second = ESTIMATORS["classifier"](callbacks=own, early_stopping=False)
    assert all(torch.equal(v, start[0][k]) for k, v in first.net_.module_.state_dict().items())
    assert [row["epoch"] for row in second.history_] == [1, 2, 3, 4, 5, 6]
    assert second.loss_curve_[:3] == first.loss_curve_


def test_the_rate_of_a_fit_holds_from_its_first_update_though_a_state_is_loaded(tmp_path):
    rates = []

    class Look(Callback):
        def on_batch_begin(self, net, training=None, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    own = [TrainEndCheckpoint(dirname=str(tmp_path))]
    fit = ESTIMATORS["classifier"]
    fit(callbacks=[*own, Look()], early_stopping=False, lr_schedule="cosine")
    own.append(LoadInitState(own[0]))
    fit(callbacks=[*own, Look()], early_stopping=False, lr_schedule="cosine")
    assert rates[:15] == rates[15:]


# Words


def test_a_log_is_printed_if_that_is_asked_for(capsys):
    ESTIMATORS["classifier"](callbacks=[PrintLog()])
    assert capsys.readouterr().out == ""
    ESTIMATORS["classifier"](callbacks=[PrintLog()], verbose=2)
    assert "train_loss" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("valid_loss", r"'valid_loss', which is no callback of skorch"),
        (print, r"no callback of skorch: it has no initialize"),
        (InputShapeSetter(), r"InputShapeSetter, which gives .* Leave it out"),
        (("shape", InputShapeSetter), r"InputShapeSetter, which gives .* Leave it out"),
        (("stop", EarlyStopping(), 1), r"Accepted are callbacks, and pairs of a name and"),
    ],
)
def test_what_cannot_work_here_is_named(wrong, message):
    with pytest.raises(InvalidParameterError, match=message):
        ESTIMATORS["classifier"](callbacks=[wrong])


def test_callbacks_of_ours_are_not_set_by_net_params():
    with pytest.raises(InvalidParameterError, match="callbacks__keep_finite"):
        ESTIMATORS["classifier"](net_params={"callbacks__keep_finite": None})
    own = [("stop", EarlyStopping())]
    ESTIMATORS["classifier"](callbacks=own, net_params={"callbacks__stop__patience": 7})
    assert own[0][1].patience == 7
