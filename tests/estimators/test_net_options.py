"""What a user hands on to torch and skorch, and NumPy's numbers where Python's were meant."""

import inspect
import pickle

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, LRScheduler

from seqlearn import BiLSTMTagger, LSTMClassifier, Words

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 5, 2)).astype(np.float32)
y = np.arange(24) % 3
SMALL = {"hidden_size": 4, "max_epochs": 3, "random_state": 0}


def classifier(**parameters):
    return LSTMClassifier(**(SMALL | parameters))


def weights(model):
    return [value.numpy() for value in model.net_.module_.state_dict().values()]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(weights(a), weights(b), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "gru", "reference"])
def test_numpy_integers_are_integers(backend):
    grid = {"hidden_size": 2 ** np.arange(1, 3), "num_layers": np.arange(1, 3)}
    search = GridSearchCV(
        classifier(backend=backend, max_epochs=1), grid, cv=2, error_score="raise"
    )
    search.fit(X, y)
    plain = classifier(backend=backend, warm_start=True).fit(X, y)
    given = classifier(backend=backend, warm_start=True, hidden_size=np.int64(4)).fit(X, y)
    assert same(plain, given)
    given.set_params(hidden_size=4, dropout=np.float64(0.2)).fit(X, y)


def test_numpy_integers_of_tokens():
    words = [["a", "b"], ["c"]] * 12
    classifier(words=Words(size=np.int64(4), characters=np.int64(3))).fit(words, y)
    labels = [["A", "B"], ["C"]] * 12
    BiLSTMTagger(hidden_size=np.int64(4), max_epochs=1).fit(words, labels)


@pytest.mark.skipif(
    "decoupled_weight_decay" not in inspect.signature(torch.optim.Adam).parameters,
    reason="this torch has AdamW alone",
)
def test_decoupled_weight_decay():
    options = {"weight_decay": 0.5, "lr": 0.05, "max_epochs": 5}
    decoupled = {"optimizer__decoupled_weight_decay": True}
    adam = classifier(**options, net_params=decoupled).fit(X, y)
    assert same(adam, classifier(**options, optimizer="adamw").fit(X, y))


class Count(Callback):
    steps = 0

    def on_train_begin(self, net, **kwargs):
        net.optimizer_.register_step_post_hook(self.count)

    @classmethod
    def count(cls, *args):
        cls.steps += 1


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.Adam])
def test_hooks_of_the_optimizer_are_called_every_update(optimizer):
    Count.steps = 0
    classifier(callbacks=[Count()], batch_size=8, optimizer=optimizer).fit(X, y)
    assert Count.steps == 9


def test_schedulers_of_torch_see_the_steps():  # a warning is an error here
    scheduler = LRScheduler("StepLR", step_size=1)
    model = classifier(callbacks=[scheduler], lr_schedule=None, warm_start=True)
    model.fit(X, y).fit(X, y)


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.Adam])
def test_groups_of_parameters(optimizer):
    frozen = {"optimizer__param_groups": [("head*", {"lr": 0.0})]}
    model = classifier(optimizer=optimizer, net_params=frozen, lr_schedule=None)
    once, more = (
        m.fit(X, y).net_.module_.head.linear.bias
        for m in (
            model,
            classifier(optimizer=optimizer, net_params=frozen, lr_schedule=None, max_epochs=6),
        )
    )
    assert torch.equal(once, more)
    assert not same(model, classifier(optimizer=optimizer, lr_schedule=None).fit(X, y))
    copy = pickle.loads(pickle.dumps(model))
    assert same(copy.partial_fit(X, y), model.partial_fit(X, y))


def test_optimizers_pickle():
    optimizer = classifier().fit(X, y).net_.optimizer_
    assert pickle.loads(pickle.dumps(optimizer)).defaults == optimizer.defaults


def test_options_of_the_iterator_are_not_ignored():
    with pytest.raises(TypeError, match="drop_last"):
        classifier(net_params={"iterator_train__drop_last": True}).fit(X, y)


@pytest.mark.parametrize("backend", ["torch", "gru"])
def test_a_fit_in_inference_mode(backend):
    with torch.inference_mode():
        model = classifier(backend=backend, warm_start=True).fit(X, y)
    assert same(model, classifier(backend=backend).fit(X, y))
    model.fit(X, y)
