"""Training with the core's gradient by hand gives what autograd gives, and knows its limits."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor, SequenceEncoder
from seqlearn.modules.kernel_encoder import KernelEncoder
from seqlearn.torch_internals import has_bf16_kernels
from seqlearn.training import kernel_gradients
from seqlearn.training.kernel_gradients import KernelGradient

SMALL = {"hidden_size": 5, "max_epochs": 4, "random_state": 0}


@pytest.fixture
def by_autograd(monkeypatch):
    """Train an estimator by autograd alone; return it."""

    def fit(model, *data, **more):
        with monkeypatch.context() as patch:
            patch.setattr(KernelEncoder, "of", classmethod(lambda cls, *_: None))
            return model.fit(*data, **more)

    return fit


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_classifier_learns_the_same(readout, bidirectional, ragged, by_autograd):
    X, y = ragged
    model = LSTMClassifier(
        **SMALL, readout=readout, bidirectional=bidirectional, num_layers=2, dropout=0.0
    )
    weights = np.linspace(0.5, 2.0, len(X))
    expected = by_autograd(model, X, y, sample_weight=weights).decision_function(X)
    assert model.net_._kernel_gradient is None
    curve = model.loss_curve_
    found = model.fit(X, y, sample_weight=weights).decision_function(X)
    assert model.net_._kernel_gradient is not None
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(model.loss_curve_, curve, atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_regressor_learns_the_same(loss, ragged, by_autograd):
    X, _ = ragged
    y = np.array([[x.mean(), x.max()] for x in X])
    model = LSTMRegressor(**SMALL, loss=loss, dropout=0.0, gradient_clip=None)
    expected = by_autograd(model, X, y).predict(X)
    np.testing.assert_allclose(model.fit(X, y).predict(X), expected, atol=1e-3)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_dropout_masks_are_drawn_from_the_same_generator(bidirectional, ragged, by_autograd):
    X, y = ragged
    model = LSTMClassifier(**SMALL, num_layers=2, dropout=0.5, bidirectional=bidirectional)
    expected = by_autograd(model, X, y).decision_function(X)
    np.testing.assert_allclose(model.fit(X, y).decision_function(X), expected, atol=1e-4)


def test_a_batch_in_parts_is_the_batch(ragged, monkeypatch):
    X, y = ragged
    model = LSTMClassifier(**SMALL, batch_size=len(X), readout="max", dropout=0.0)
    weights = np.linspace(0.5, 2.0, len(X))
    whole = model.fit(X, y, sample_weight=weights).decision_function(X)
    monkeypatch.setattr(kernel_gradients, "PARTS", [(1, 3)])
    parts = []
    monkeypatch.setattr(
        KernelGradient, "_part", lambda *a, f=KernelGradient._part: parts.append(1) or f(*a)
    )
    found = model.fit(X, y, sample_weight=weights).decision_function(X)
    assert len(parts) == SMALL["max_epochs"] * (len(X) // 3)
    np.testing.assert_allclose(found, whole, atol=1e-4)


def test_callbacks_see_gradients_losses_and_outputs(ragged):
    X, y = ragged
    seen = []

    class Look(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            named = dict(named_parameters)
            assert all(torch.isfinite(p.grad).all() for p in named.values())
            seen.append(float(named["head.linear.bias"].grad.norm()))

        def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
            assert loss.ndim == 0 and y_pred.shape == (len(batch[0]["lengths"]), 3)

    model = LSTMClassifier(**SMALL, callbacks=[Look()]).fit(X, y)
    assert model.net_._kernel_gradient is not None
    assert min(seen) > 0


def test_what_it_cannot_see_is_left_to_autograd(ragged):
    X, y = ragged
    calls = []

    class Change(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 1:  # the first epoch
                self.change(net.module_)

    class Hook(Change):
        def change(self, module):
            module.head.linear.register_forward_hook(lambda *_: calls.append("forward"))

    class BackwardHook(Change):
        def change(self, module):
            module.head.linear.register_full_backward_hook(lambda *_: calls.append("backward"))

    class GradientHook(Change):
        def change(self, module):
            module.head.linear.bias.register_hook(lambda grad: calls.append("gradient"))

    class Freeze(Change):
        def change(self, module):
            module.head.linear.bias.requires_grad_(False)

    class AccumulationHook(Change):
        def change(self, module):
            module.head.linear.bias.register_post_accumulate_grad_hook(
                lambda p: calls.append("added")
            )

    for change in (Hook, BackwardHook, GradientHook, AccumulationHook, Freeze):
        model = LSTMClassifier(**SMALL, callbacks=[change()]).fit(X, y)
        assert model.net_._kernel_gradient.plain is None  # the head is left to autograd
        if change is Freeze:
            frozen = model.net_.module_.head.linear.bias
            LSTMClassifier(**SMALL).fit(X, y)
            assert not frozen.requires_grad
    assert set(calls) == {"forward", "backward", "gradient", "added"}
    calls.clear()
    model.net_.module_.encoder.register_forward_hook(lambda *_: calls.append("encoder"))
    model.predict(X)
    assert calls


@pytest.mark.parametrize("event", ["on_batch_begin", "on_grad_computed", "on_batch_end"])
def test_what_a_callback_changes_amid_an_epoch_holds_from_the_next_batch_on(
    event, ragged, by_autograd
):
    X, y = ragged

    def change(callback, net, **kwargs):
        callback.calls += 1
        if callback.calls == 2:
            core = net.module_.encoder.core
            core.register_forward_hook(lambda _, given, found: (found[0] / 2, found[1]))

    def initialize(callback):
        callback.calls = 0

    Halve = type("Halve", (Callback,), {"initialize": initialize, event: change})
    model = LSTMClassifier(**SMALL, batch_size=8, dropout=0.0, callbacks=[Halve()])
    expected = by_autograd(model, X, y).decision_function(X)
    found = model.fit(X, y).decision_function(X)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_core_that_is_listened_to_is_left_to_autograd(ragged):
    X, y = ragged
    calls = []

    class Listen(Callback):
        def on_train_begin(self, net, **kwargs):
            self.listen(net.module_.encoder.core.layers[0])

    class Forward(Listen):
        def listen(self, layer):
            layer.register_forward_hook(lambda *_: calls.append("forward"))

    class Gradient(Listen):
        def listen(self, layer):
            layer.weight_hh_l0.register_hook(lambda grad: calls.append("gradient"))

    class Frozen(Listen):
        def listen(self, layer):
            layer.weight_hh_l0.requires_grad_(False)

    for listen in (Forward, Gradient, Frozen):
        model = LSTMClassifier(**SMALL, callbacks=[listen()]).fit(X, y)
        assert model.net_._kernel_gradient is None
    assert set(calls) == {"forward", "gradient"}


def test_bfloat16_learns_what_autocast_learns(ragged, by_autograd, fit_in_bf16):
    X, y = ragged
    model = LSTMClassifier(**SMALL | {"hidden_size": 16}, precision="bf16", dropout=0.0)
    fit_in_bf16(model, X, y)
    expected = by_autograd(model, X, y).decision_function(X)
    found = model.fit(X, y).decision_function(X)
    assert (model.net_._kernel_gradient is None) == (not has_bf16_kernels())
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_dropout_switched_off_by_a_callback_is_off(ragged, by_autograd):
    X, y = ragged

    class Off(Callback):
        def on_epoch_begin(self, net, **kwargs):
            net.module_.train()
            net.module_.head.dropout.eval()

    model = LSTMClassifier(**SMALL, dropout=0.5, callbacks=[Off()])
    expected = by_autograd(model, X, y).decision_function(X)
    np.testing.assert_allclose(model.fit(X, y).decision_function(X), expected, atol=1e-4)


def test_it_trains_where_autograd_is_switched_off(ragged):
    X, y = ragged
    expected = LSTMClassifier(**SMALL).fit(X, y).decision_function(X)
    with torch.no_grad():
        model = LSTMClassifier(**SMALL).fit(X, y)
    assert np.array_equal(model.decision_function(X), expected)


# Any head, any input


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("decoder", ["crf", "softmax"])
@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_a_tagger_learns_the_same(kind, decoder, num_layers, bidirectional, ragged, by_autograd):
    X, _ = ragged
    y = [(x[:, 0] > 0).astype(int) for x in X]
    if kind == "words":
        X = [[f"w{int(3 * value)}" for value in x[:, 0]] for x in X]
    model = BiLSTMTagger(
        **SMALL,
        decoder=decoder,
        num_layers=num_layers,
        bidirectional=bidirectional,
        batch_size=8,
    )
    expected = by_autograd(model, X, y).predict_marginals(X)
    assert model.net_._kernel_gradient is None
    found = model.fit(X, y).predict_marginals(X)
    assert model.net_._kernel_gradient is not None
    for one, due in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, due, atol=1e-4)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_attention_learns_the_same(num_layers, ragged, by_autograd):
    X, y = ragged
    model = LSTMClassifier(**SMALL, readout="attention", num_layers=num_layers, dropout=0.3)
    expected = by_autograd(model, X, y).decision_function(X)
    found = model.fit(X, y).decision_function(X)
    assert model.net_._kernel_gradient.plain is None
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_encoder_without_labels_learns_the_same(ragged, by_autograd):
    X, _ = ragged
    model = SequenceEncoder(**SMALL)
    expected = by_autograd(model, X).transform(X)
    np.testing.assert_allclose(model.fit(X).transform(X), expected, atol=1e-4)
    assert model.net_._kernel_gradient is not None


@pytest.mark.parametrize("decoding", ["parallel", "recursive"])
def test_a_forecaster_learns_the_same(decoding, by_autograd):
    y = np.sin(np.arange(80.0)) + np.arange(80) / 40
    model = LSTMForecaster(**SMALL, decoding=decoding, window_length=12, segment_length=3)
    expected = by_autograd(model, y, fh=[1, 2, 3]).predict()
    found = model.fit(y, fh=[1, 2, 3]).predict()
    assert (model.net_._kernel_gradient is None) == (decoding == "recursive")
    np.testing.assert_allclose(found, expected, atol=1e-4)
