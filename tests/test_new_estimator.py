"""A new estimator is targets, a head and a class: an ordinal classifier, as a user writes it."""

import importlib
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import seqlearn
from seqlearn.states import select_rows

SOURCE = textwrap.dedent(
    '''
    """Classes in an order: grades, stages, stars."""

    from dataclasses import dataclass

    import numpy as np
    import torch
    from scipy.special import expit
    from torch.nn import functional

    from seqlearn import LSTMClassifier
    from seqlearn.estimators.targets import Classes
    from seqlearn.modules.heads.head import weighted_mean
    from seqlearn.modules.heads.linear import LinearHead


    class OrdinalHead(LinearHead):
        """Log-odds that the class is above each but the last: (B, C - 1)."""

        scorers = ("accuracy",)

        def loss(self, outputs, y):
            above = (y[:, None] > torch.arange(outputs.shape[1])).to(outputs.dtype)
            losses = functional.binary_cross_entropy_with_logits(outputs, above, reduction="none")
            return losses.sum(dim=1)

        def predict(self, outputs):
            return (outputs > 0).sum(dim=1)

        def score(self, outputs, y, weights):
            right = [self.predict(one) == codes for one, codes in zip(outputs, y, strict=True)]
            return weighted_mean(right, weights)


    @dataclass(frozen=True, eq=False)
    class OrderedClasses(Classes):
        """One class of C for each sequence, in ascending order."""

        @property
        def output_size(self):
            return max(len(self.classes) - 1, 1)

        def probabilities(self, outputs, log=False):
            above = np.minimum.accumulate(expit(outputs), axis=1)[:, : len(self.classes) - 1]
            above = np.pad(above, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
            found = -np.diff(above, axis=1)
            return np.log(found) if log else found

        def decode(self, outputs):
            return self.classes[self.probabilities(outputs).argmax(axis=1)]

        def scores(self, outputs):
            return outputs[:, 0] if len(self.classes) == 2 else self.probabilities(outputs)


    class OrdinalClassifier(LSTMClassifier):
        """Classify sequences where classes have an order."""

        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.classifier_tags.multi_label = False
            return tags

        def _targets(self):
            return OrderedClasses()

        def _head(self, data):
            size = data.targets.output_size
            return OrdinalHead, {"output_size": size, "dropout": self.dropout}
    '''
)


def load():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ordinal.py").write_text(SOURCE)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module("ordinal")
        finally:
            sys.path.remove(folder)


ordinal = load()


@pytest.fixture(scope="module")
def grades():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(1, 9, 120)]
    y = np.array(["low", "mid", "top"])[[int(np.digitize(x[:, 0].max(), [0.3, 1.2])) for x in X]]
    return X, y


@pytest.fixture(scope="module")
def model(grades):
    small = {"hidden_size": 8, "max_epochs": 40, "random_state": 0, "bidirectional": False}
    return ordinal.OrdinalClassifier(**small).fit(*grades)


def test_it_takes_no_more_than_sixty_lines():
    code = [line for line in SOURCE.splitlines() if line.strip()]
    assert len(code) <= 60


def test_it_learns_ragged_sequences_on_the_fast_road(model, grades):
    X, y = grades
    assert model.score(X, y) > 0.8
    assert model.net_._kernel_gradient.plain is not None
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert set(model.predict(X)) == set(model.classes_)
    assert clone(model).get_params() == model.get_params()


def test_autograd_teaches_it_the_same(model, grades, monkeypatch):
    X, y = grades
    of = "seqlearn.modules.kernel_encoder.KernelEncoder.of"
    monkeypatch.setattr(of, classmethod(lambda cls, *_: None))
    expected = clone(model).fit(X, y)
    assert expected.net_._kernel_gradient is None
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-3)


def test_it_is_saved_and_read_again_by_skops(model, grades):
    io = pytest.importorskip("skops.io")
    trusted = [*seqlearn.trusted_types(), "ordinal.OrdinalClassifier", "ordinal.OrdinalHead"]
    again = io.loads(io.dumps(model), trusted=trusted)
    assert type(again) is ordinal.OrdinalClassifier
    assert np.array_equal(again.predict_proba(grades[0]), model.predict_proba(grades[0]))


def test_its_state_is_carried_step_by_step(model):
    network = model.net_.module_
    x = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    order, state = torch.tensor([2, 0, 3]), None
    with torch.inference_mode():
        for t in range(6):
            outputs, state = network.step(x[:, t], state)
            torch.testing.assert_close(outputs, network(x[:, : t + 1]), atol=1e-6, rtol=0)
            if t == 2:
                of_input, of_core, of_readout = state
                picked = (of_input, select_rows(of_core, order), select_rows(of_readout, order))
        for t in range(3, 6):
            outputs, picked = network.step(x[order, t], picked)
        torch.testing.assert_close(outputs, network(x[order]), atol=1e-6, rtol=0)


@pytest.mark.slow
@parametrize_with_checks(
    [ordinal.OrdinalClassifier(hidden_size=8, max_epochs=12, random_state=0, batch_size=8)]
)
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
