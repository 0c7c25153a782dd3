"""The backends by the public kit: padding, rounding, options, and inside the estimators.

That the layers compute what the paper says is the matter of test_xlstm_recurrences.py.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from seqlearn_xlstm import MLSTM, SLSTM, XLSTM, MLSTMLayer, SLSTMLayer
from sklearn.model_selection import GridSearchCV

from seqlearn import BiLSTMTagger, LSTMClassifier, LSTMForecaster, LSTMRegressor
from seqlearn.backend import draw_from
from seqlearn.errors import InvalidParameterError
from seqlearn.registry import available_backends, load_backend
from seqlearn.testing import backend_checks

F, H = 3, 12
BACKENDS = {"slstm": SLSTM, "mlstm": MLSTM}
LAYERS = {"slstm": SLSTMLayer, "mlstm": MLSTMLayer}

each_name = pytest.mark.parametrize("name", BACKENDS)
each_heads = pytest.mark.parametrize("heads", [1, 3])


# The contract

CHECKS = [(name, check) for name in (*BACKENDS, "xlstm") for check in backend_checks(name)]
# Five heads fit the cores of five units that most rules build, and no others.
CHECKS += [
    ("five heads", check)
    for check in backend_checks(XLSTM(heads=5, norm=False, pattern="sm"))
    if check.name not in ("sizes", "learning")
]


@pytest.mark.parametrize(
    ("name", "check"), CHECKS, ids=[f"{name}-{check.name}" for name, check in CHECKS]
)
def test_contract(name, check):
    check()


@each_name
def test_it_is_registered_under_its_name(name):
    assert available_backends()[name].startswith("seqlearn-xlstm ")
    assert load_backend(name) is BACKENDS[name]
    assert load_backend("xlstm") is XLSTM


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Padding, rows and their rounding


@each_name
@pytest.mark.parametrize("padding", [float("nan"), float("inf"), 1e30])
def test_padding_may_be_anything(name, padding):
    with draw_from(torch.Generator().manual_seed(0)):
        core = BACKENDS[name]().build(F, H, num_layers=2, bidirectional=True, dropout=0.0)
    x, lengths = normal(3, 40, F), torch.tensor([40, 1, 19])
    valid = torch.arange(40) < lengths[:, None]  # (B, T)
    answers = []
    for filler in (0.0, padding):
        core.zero_grad()
        outputs = core(x.masked_fill(~valid[..., None], filler), lengths)[0][valid]
        outputs.square().sum().backward()
        answers.append([outputs.detach(), *(weight.grad for weight in core.parameters())])
    for found, due in zip(*answers, strict=True):
        assert torch.equal(found, due)


@each_heads
@each_name
@pytest.mark.parametrize("hidden_size", [15, 24])
def test_rounding_hangs_on_neither_rows_nor_padding(name, heads, hidden_size):
    """To the bit: rows from ``stable_rows`` on, and steps, however many follow them."""
    backend = BACKENDS[name](heads=heads)
    with draw_from(torch.Generator().manual_seed(0)):
        core = backend.build(F, hidden_size, num_layers=1, bidirectional=False, dropout=0.0)
    x = normal(40, 70, F)

    def run(rows, steps):
        return core(x[:rows, :steps], torch.full((rows,), steps))[0]

    with torch.inference_mode():
        due = run(40, 70)
        for rows in {backend.stable_rows, 17, 31, 33}:
            assert torch.equal(run(rows, 70), due[:rows])
        for steps in (1, 2, 16, 33):
            assert torch.equal(run(40, steps), due[:, :steps])


# Options


@each_name
@pytest.mark.parametrize(("hidden_size", "heads"), [(1, 1), (5, 1), (32, 2), (48, 2), (64, 4)])
def test_heads_follow_the_hidden_size(name, hidden_size, heads):
    core = BACKENDS[name]().build(F, hidden_size, num_layers=2, bidirectional=True, dropout=0.0)
    for layer in core.modules():
        if isinstance(layer, LAYERS[name]):
            assert (layer.heads, layer.units) == (heads, hidden_size // heads)


@each_name
def test_forget_biases_are_evenly_spaced_and_heads_normalised_at_first(name):
    layer = LAYERS[name](F, 12, 4, True, (1.0, 4.0))
    found = layer.bias.view(4, 4, 3)[:, 1] if name == "slstm" else layer.map.bias[-4:]
    due = torch.linspace(1.0, 4.0, found.shape[-1])
    assert torch.equal(found, due.expand_as(found))
    h = layer.normalise(normal(5, 7, 12)).unflatten(-1, (4, 3))
    torch.testing.assert_close(h.mean(-1), torch.zeros(5, 7, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(h.var(-1, correction=0), torch.ones(5, 7, 4), rtol=0, atol=1e-2)


def test_a_mixed_core_has_its_layers_in_the_order_of_the_pattern():
    core = XLSTM(pattern="mms").build(F, 8, num_layers=5, bidirectional=True, dropout=0.0)
    kinds = {MLSTMLayer: "m", SLSTMLayer: "s"}
    for direction in ("layers", "backward_layers"):
        found = [kinds[type(getattr(layer, direction)[0])] for layer in core.layers]
        assert "".join(found) == "mmsmm"


@pytest.mark.parametrize("pattern", ["", "mx", None, ("m", "s")])
def test_a_pattern_of_other_letters_is_refused(pattern):
    with pytest.raises(InvalidParameterError, match=r"pattern=.* 'm' and 's'"):
        XLSTM(pattern=pattern).build(F, 8, num_layers=1, bidirectional=False, dropout=0.0)


@each_name
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"heads": 5}, "heads=5 was given with hidden_size=8; .* divides"),
        ({"heads": 0}, "heads=0 .* None"),
        ({"heads": 2.0}, r"heads=2\.0 "),
        ({"heads": True}, "heads=True "),
        ({"norm": "layer"}, "norm='layer' .* True and False"),
        ({"forget_bias": 1.0}, r"forget_bias=1\.0 .* pair"),
        ({"forget_bias": (1.0,)}, r"forget_bias=\(1\.0,\)"),
        ({"forget_bias": (1.0, float("nan"))}, "nan.* finite"),
        ({"forget_bias": ("a", "b")}, "forget_bias=.* finite"),
    ],
)
def test_options_out_of_range_are_refused(name, options, text):
    with pytest.raises(InvalidParameterError, match=text):
        BACKENDS[name](**options).build(F, 8, num_layers=1, bidirectional=False, dropout=0.0)


# Inside the estimators

SMALL = {"hidden_size": 6, "max_epochs": 2, "random_state": 0}


def rows(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, 2)) for length in rng.integers(3, 12, n)]


@each_name
@pytest.mark.parametrize("shape", [{}, {"bidirectional": True, "num_layers": 2, "dropout": 0.2}])
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_classifier_and_regressor(name, shape, Estimator):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    model = Estimator(backend=name, **SMALL, **shape).fit(X, y)
    together = model.predict(X)
    assert together.shape == (len(X),)
    alone = np.concatenate([model.predict([row]) for row in X])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), together)
    again = Estimator(backend=name, **SMALL, **shape).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), together)


@each_name
def test_early_stopping_and_partial_fit(name):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    options = {**SMALL, "max_epochs": 4, "early_stopping": True, "n_iter_no_change": 1}
    stopped = LSTMClassifier(backend=name, **options).fit(X, y)
    assert 1 <= stopped.n_iter_ <= 4
    model = LSTMClassifier(backend=name, **SMALL)
    first = model.partial_fit(X[:12], y[:12], classes=[0, 1]).predict_proba(X)
    second = model.partial_fit(X[12:], y[12:]).predict_proba(X)
    assert np.isfinite(second).all() and not np.array_equal(first, second)


@each_name
def test_classifier_in_float64_with_a_grid_over_the_options(name):
    X = rows()
    y = np.array([row[0, 0] > 0 for row in X]).astype(int)
    grid = {
        "backend__heads": [None, 3],
        "backend__norm": [True, False],
        "backend__forget_bias": [(0.0, 2.0)],
    }
    search = GridSearchCV(
        LSTMClassifier(backend=BACKENDS[name](), dtype="float64", **SMALL),
        grid,
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_params_.keys() == grid.keys()
    assert search.predict_proba(X).dtype == np.float64


@each_name
def test_tagger(name):
    X = rows()
    y = [(row[:, 0] > 0).astype(int) for row in X]
    model = BiLSTMTagger(backend=name, **SMALL).fit(X, y)
    assert [len(labels) for labels in model.predict(X)] == [len(row) for row in X]


@each_name
def test_forecaster(name):
    index = pd.period_range("2000-01", periods=60, freq="M")
    y = pd.Series(np.sin(np.arange(60) / 3), index=index)
    forecast = LSTMForecaster(backend=name, **SMALL).fit(y, fh=[1, 2, 3]).predict()
    assert forecast.shape == (3,) and np.isfinite(forecast).all()
