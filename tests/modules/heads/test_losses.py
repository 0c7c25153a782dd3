"""Losses and scores of heads against formulas in NumPy, SciPy and scikit-learn, and autograd."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from sklearn.metrics import accuracy_score, r2_score

from seqlearn.modules.heads.head import Head
from seqlearn.modules.heads.labels import LabelHead, StepScores
from seqlearn.modules.heads.linear import ClassHead, MultilabelHead, ValueHead
from seqlearn.modules.heads.losses import CLASS_LOSSES, REGRESSION_LOSSES, class_losses

OF_ERRORS = {
    "squared_error": np.square,
    "absolute_error": np.abs,
    "huber": lambda e: np.where(np.abs(e) <= 1, e**2 / 2, np.abs(e) - 0.5),
}
SMOOTHINGS = [0.0, 0.1, 0.9]


def class_loss_by_hand(logits, code, loss, smoothing):
    """Minus the log-probabilities, weighted by the smoothed target; of one row."""
    log_p, n_classes = log_softmax(logits), len(logits)
    target = np.full(n_classes, smoothing / n_classes)
    target[code] += 1 - smoothing
    focus = (1 - np.exp(log_p[code])) ** 2 if loss == "focal" else 1.0
    return -focus * (target * log_p).sum()


def case_of(head, n_rows, n_outputs, seed):
    """Outputs, targets that fit the head, and weights of rows."""
    generator = torch.Generator().manual_seed(seed)
    outputs = 2 * torch.randn(n_rows, n_outputs, generator=generator, dtype=torch.float64)
    weights = torch.rand(n_rows, generator=generator, dtype=torch.float64)
    if isinstance(head, ClassHead):
        return outputs, torch.randint(n_outputs, (n_rows,), generator=generator), weights
    return outputs, torch.randint(2, outputs.shape, generator=generator).double(), weights


HEADS = [(MultilabelHead, {})]
HEADS += [(ValueHead, {"loss": loss}) for loss in REGRESSION_LOSSES]
HEADS += [
    (ClassHead, {"loss": loss, "label_smoothing": smoothing})
    for loss in CLASS_LOSSES
    for smoothing in SMOOTHINGS
]


# Losses


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("loss", CLASS_LOSSES)
@given(
    n_classes=st.integers(1, 5), scale=st.sampled_from([0.0, 1.0, 30.0]), seed=st.integers(0, 99)
)
def test_losses_of_classes_are_their_formulas(loss, smoothing, n_classes, scale, seed):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(2, 3, n_classes))
    codes = rng.integers(n_classes, size=(2, 3))
    expected = [
        [class_loss_by_hand(*one, loss, smoothing) for one in zip(*row, strict=True)]
        for row in zip(logits, codes, strict=True)
    ]
    found = class_losses(torch.tensor(logits), torch.tensor(codes), loss, smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", CLASS_LOSSES)
def test_steps_of_a_softmax_cost_what_rows_of_classes_do(loss):
    arguments = {"loss": loss, "label_smoothing": 0.2}
    of_rows, of_steps = ClassHead(1, 3, **arguments), LabelHead(1, 3, **arguments)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 4, 3, generator=generator)
    labels = torch.randint(3, (2, 4), generator=generator)
    lengths = torch.tensor([4, 1])
    of_each = of_rows.loss(scores.flatten(0, 1), labels.flatten()).view(2, 4)
    expected = torch.stack([of_each[0].sum(), of_each[1, 0]])
    torch.testing.assert_close(of_steps.loss(StepScores(scores, lengths), labels), expected)


def test_focal_and_smoothed_scores_in_the_padding_change_no_bit_and_get_no_gradient():
    head = LabelHead(1, 3, loss="focal", label_smoothing=0.1)
    labels, lengths = torch.zeros(2, 4, dtype=torch.int64), torch.tensor([4, 1])
    scores = torch.randn(2, 4, 3)
    found = []
    for garbage in (0.0, 1e30, torch.nan, torch.inf):
        dirty = scores.clone()
        dirty[1, 1:] = garbage
        found.append(head.loss(StepScores(dirty, lengths), labels))
        assert torch.equal(found[0], found[-1])
    scores.requires_grad_()
    head.loss(StepScores(scores, lengths), labels).sum().backward()
    assert not scores.grad[1, 1:].any() and scores.grad[0].any(dim=-1).all()


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 3)), seed=st.integers(0, 99))
def test_losses_of_values_are_means_of_their_formulas(loss, shape, seed):
    rng = np.random.default_rng(seed)
    outputs, targets = 2 * rng.normal(size=(2, *shape))
    found = ValueHead(1, shape[1], loss=loss).loss(torch.tensor(outputs), torch.tensor(targets))
    np.testing.assert_allclose(found, OF_ERRORS[loss](outputs - targets).mean(1), rtol=1e-12)


def test_every_loss_of_errors_has_an_oracle():
    assert set(OF_ERRORS) == set(REGRESSION_LOSSES)


def test_the_loss_of_several_labels_is_the_sum_of_their_cross_entropies():
    outputs = np.array([[0.5, -1.0], [2.0, 3.0]])
    labels = np.array([[1.0, 0.0], [0.0, 1.0]])
    p = expit(outputs)
    expected = -np.where(labels == 1, np.log(p), np.log(1 - p)).sum(1)
    found = MultilabelHead(1, 2).loss(torch.tensor(outputs), torch.tensor(labels))
    np.testing.assert_allclose(found, expected)


# Gradients


@pytest.mark.slow
@pytest.mark.parametrize(("Kind", "arguments"), HEADS)
@given(n_rows=st.integers(1, 5), n_outputs=st.integers(2, 4), seed=st.integers(0, 100))
def test_gradients_are_autograds(Kind, arguments, n_rows, n_outputs, seed):
    head = Kind(1, n_outputs, **arguments)
    outputs, targets, weights = case_of(head, n_rows, n_outputs, seed)
    losses, gradient = head.loss_with_gradient(outputs, targets, weights)
    by_default = Head.loss_with_gradient(head, outputs, targets, weights)
    leaf = outputs.clone().requires_grad_()
    expected = head.loss(leaf, targets)
    (expected * weights).sum().backward()
    for found in ((losses, gradient), by_default):
        assert not any(one.requires_grad for one in found)
        torch.testing.assert_close(found[0], expected.detach())
        torch.testing.assert_close(found[1], leaf.grad)
    assert outputs.grad is None and not outputs.requires_grad


# Scores


def test_scores_are_those_of_sklearn_however_rows_are_cut_into_batches():
    rng = np.random.default_rng(0)
    outputs, weights = rng.normal(size=(30, 3)), rng.uniform(size=30)
    codes, labels = rng.integers(3, size=30), rng.integers(2, size=(30, 3))
    values = outputs + rng.normal(size=(30, 3))
    right = (outputs > 0) == labels
    assert 0 < right.all(1).sum()
    cases = [
        (ClassHead(1, 3), codes, accuracy_score(codes, outputs.argmax(1), sample_weight=weights)),
        (MultilabelHead(1, 3), labels, accuracy_score(labels, outputs > 0, sample_weight=weights)),
        (ValueHead(1, 3), values, r2_score(values, outputs, sample_weight=weights)),
    ]
    for head, targets, expected in cases:
        for n_parts in (1, 4):
            parts = [torch.tensor(a).tensor_split(n_parts) for a in (outputs, targets, weights)]
            assert float(head.score(*parts)) == pytest.approx(expected)


@pytest.mark.parametrize(("right", "due"), [(True, 1.0), (False, 0.0)])
def test_r2_of_targets_that_do_not_vary_is_sklearns(right, due):
    y = torch.ones(4, 1, dtype=torch.float64)
    outputs = y if right else y + 0.5
    found = ValueHead(1, 1).score([outputs], [y], [torch.ones(4)])
    assert float(found) == due == r2_score(y, outputs)


def test_predictions_are_codes_and_probabilities_are_those_of_the_outputs():
    outputs = torch.tensor([[0.5, -1.0, 0.2], [-2.0, 3.0, 0.1]])
    classes, several = ClassHead(1, 3), MultilabelHead(1, 3)
    assert classes.predict(outputs).tolist() == [0, 1]
    assert several.predict(outputs).tolist() == [[1, 0, 1], [0, 1, 1]]
    due = np.exp(log_softmax(outputs.double().numpy(), axis=1))
    np.testing.assert_allclose(classes.probabilities(outputs), due)
    np.testing.assert_allclose(several.probabilities(outputs), expit(outputs.double().numpy()))
    assert torch.equal(ValueHead(1, 3).predict(outputs), outputs)
