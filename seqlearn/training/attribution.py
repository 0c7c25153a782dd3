"""Attribution: how much each step and feature of a sequence counts for one number that a network
says of it.

The methods ask scores of rows that differ from the given ones, or the gradient of a score. What
they change are numbers: those of X, pixels too, and of words their vectors; of a series with gaps
what the core reads of each feature. `seqlearn.estimators.looking_inside` calls `attribute`.

The network computes in evaluation, where dropout does nothing, and is left in the mode it was in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.backends import cudnn

from seqlearn.backend import valid_steps
from seqlearn.data.batches import SequenceDataset, length_batches, unless_full
from seqlearn.data.sequences import Sequences
from seqlearn.modules.heads.head import Seen
from seqlearn.training.integrated_gradients import gradient, integrated_gradients
from seqlearn.training.prediction import predict
from seqlearn.training.process_settings import ProcessSettings

__all__ = ["METHODS", "attribute", "look_at_steps", "mean_step"]

MEAN_STEPS = 20_000  # of which a mean is taken; each costs a forward pass of the input


def attribute(
    net: Any,
    sequences: Sequences,
    choose: Callable[[np.ndarray], np.ndarray],
    *,
    method: str,
    baseline: np.ndarray,
    n_steps: int,
) -> np.ndarray:
    """Return what each feature of a step counts for the score of its row.

    Parameters
    ----------
    net : SequenceNet
        A trained one, whose outputs are of shape (N, C).
    sequences : Sequences
        N rows of S steps in all, as the net takes them.
    choose : callable
        Takes the outputs (N, C) and returns weights (N, C): the score of a row is the sum of its
        outputs times these.
    method : str
        A name in `METHODS`.
    baseline : ndarray of shape (E,), or (T, E) for rows of one length
        What stands for "nothing": where integrated gradients begin, and what occlusion puts in the
        place of a value.
    n_steps : int
        Of integrated gradients, see `integrated_gradients`.

    Returns
    -------
    ndarray of shape (S, F), or (S,) where no value belongs to a feature
        The sum over the values of each feature, or of each step.
    """
    module, lengths = net.module_, sequences.lengths
    dataset = SequenceDataset(sequences, device=net.device, dtype=net._dtype)
    base = torch.as_tensor(baseline, dtype=net._dtype, device=net.device)
    at_once = net.rows_at_once(len(lengths) * n_steps, int(lengths.max()))
    of_feature = torch.as_tensor(_of_feature(module, baseline.shape[-1]), device=net.device)
    whole_steps = not (is_read_in_score(module) or module.input.parts)
    result: Any = None
    with _evaluating(net):
        weights = choose(predict(net, sequences))
        of_output = torch.as_tensor(weights, dtype=net._dtype, device=net.device)
        for rows in length_batches(lengths, max(at_once // n_steps, 1)):
            inputs = dataset.inputs(rows)
            with net.on_cpu(at_once):
                values, own = _varied(module, inputs["x"], unless_full(inputs["lengths"]))
                is_step = np.arange(values.shape[1]) < lengths[rows][:, None]  # (B, T)
                of_rows = base.expand_as(values), of_output[torch.as_tensor(rows)]
                asked = _Asked(module, values, own, *of_rows, is_step, of_feature, at_once)
                found = METHODS[method](asked, n_steps)  # (B, T, F)
            steps = (found[..., 0] if whole_steps else found).cpu().numpy()
            if result is None:
                result = np.empty((len(sequences.values), *steps.shape[2:]))
            _put(result, steps, sequences.offsets[rows], lengths[rows])
    return result


def mean_step(net: Any, sequences: Sequences, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of what `attribute` changes, over the steps of weighted rows, (E,).

    Of very many steps, evenly chosen rows with about `MEAN_STEPS` of them are enough.
    """
    every = -(-int(sequences.lengths[rows].sum()) // MEAN_STEPS)
    sequences, weights = sequences.take(rows[::every]), weights[::every]
    dataset = SequenceDataset(sequences, device=net.device, dtype=net._dtype)
    lengths, number = dataset.lengths, 0.0
    total: Any = 0.0
    with _evaluating(net):
        for some in length_batches(lengths, net.rows_at_once(len(lengths), int(lengths.max()))):
            inputs = dataset.inputs(some)
            with net.on_cpu(len(some)):
                values, _ = _varied(net.module_, inputs["x"], unless_full(inputs["lengths"]))
            valid = valid_steps(inputs["lengths"], values.shape[1])  # (B, T)
            of_step = valid * torch.as_tensor(weights[some])[:, None]
            of_step = of_step.to(values.device)[..., None]
            values = torch.where(of_step > 0, values.double(), 0.0)
            total = total + (values * of_step).sum(dim=(0, 1)).cpu().numpy()
            number += float(of_step.sum())
    return np.asarray(total / number)


def look_at_steps(
    net: Any, sequences: Sequences, look: Callable[[Any, Tensor, Tensor | None], dict[str, Tensor]]
) -> dict[str, np.ndarray]:
    """Return what is seen at each step, by name: arrays (S, ...) for S steps in all.

    Parameters
    ----------
    net : SequenceNet
        A trained one.
    sequences : Sequences
        N rows, as the net takes them.
    look : callable
        Takes the network, what its core reads, (B, T, E), and lengths, and gives (B, T, ...).
    """
    dataset = SequenceDataset(sequences, device=net.device, dtype=net._dtype)
    lengths = sequences.lengths
    result: dict[str, np.ndarray] = {}
    with _evaluating(net):
        for rows in length_batches(lengths, net.rows_at_once(len(lengths), int(lengths.max()))):
            inputs = dataset.inputs(rows)
            with net.on_cpu(len(rows)), torch.inference_mode():
                values, own, _ = _read(net.module_, inputs["x"], unless_full(inputs["lengths"]))
                found = look(net.module_, values, own)
            for name, batch in found.items():
                steps = batch.cpu().numpy()
                if name not in result:
                    shape = (len(sequences.values), *steps.shape[2:])
                    result[name] = np.empty(shape, np.float64)
                _put(result[name], steps, sequences.offsets[rows], lengths[rows])
    return result


def _put(result: np.ndarray, steps: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> None:
    """Put padded steps (B, T, ...) where their rows stand among all steps, (S, ...)."""
    step = np.arange(steps.shape[1])
    is_step = step < lengths[:, None]  # (B, T)
    result[(starts[:, None] + step)[is_step]] = steps[is_step]


@torch.no_grad()
def _read(module: Any, x: Any, lengths: Tensor | None) -> tuple[Tensor, Tensor | None, Any]:
    return module.read(x, lengths)


def is_read_in_score(module: Any) -> bool:
    """Whether what is changed is what the network reads, and not what its core does."""
    return module.input is None or module.input.differentiable


def _varied(module: Any, x: Any, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the values of a batch that are changed, (B, T, E), and lengths."""
    return (x, lengths) if is_read_in_score(module) else _read(module, x, lengths)[:2]


def _of_feature(module: Any, width: int) -> np.ndarray:
    """Return the number of the feature that each value of a step belongs to, (E,)."""
    if is_read_in_score(module):
        return np.arange(width)
    parts = module.input.parts
    return np.arange(width) % (width // parts) if parts else np.zeros(width, int)


class _Asked(NamedTuple):
    """A batch, and what is asked of it."""

    module: Any
    values: Tensor  # what is changed, (B, T, E)
    lengths: Tensor | None  # (B,), on the CPU
    base: Tensor  # (B, T, E)
    weights: Tensor  # of the outputs in the score, (B, C)
    is_step: np.ndarray  # which are steps of their row, (B, T)
    of_feature: Tensor  # the feature that each value of a step belongs to, (E,)
    at_once: int  # rows that memory holds

    def score(self, values: Tensor, rows: Tensor) -> Tensor:
        """Return the scores (K,) of values (K, T, E) that belong to rows (K,) of the batch."""
        lengths = None if self.lengths is None else self.lengths[rows.cpu()]
        if is_read_in_score(self.module):
            values, lengths, _ = self.module.read(values, lengths)
        seen = Seen(None, values, lengths, None, None, self.module)
        outputs = self.module.head.read(self.module.answer(seen)[0])  # (K, C)
        return (outputs * self.weights[rows.to(self.weights.device)]).sum(dim=1)

    def by_feature(self, found: Tensor) -> Tensor:
        """Return the sums over the values of each feature, (B, T, F), of values (B, T, E)."""
        sums = found.new_zeros(*found.shape[:2], int(self.of_feature.max()) + 1)
        return sums.index_add_(2, self.of_feature, found)


def _integrated_gradients(asked: _Asked, n_steps: int) -> Tensor:
    unit = asked.weights.abs().sum(dim=1)
    ways = asked.values, asked.base, unit
    found = integrated_gradients(asked.score, *ways, n_steps=n_steps, at_once=asked.at_once)
    return asked.by_feature(found)


def _saliency(asked: _Asked, n_steps: int) -> Tensor:
    """Absolute gradient at the row itself."""
    found = gradient(asked.score, asked.values, torch.arange(len(asked.values)))
    return asked.by_feature(found.abs())


@torch.inference_mode()
def _occlusion(asked: _Asked, n_steps: int) -> Tensor:
    """What the score loses with the values of a feature at the baseline."""
    values, base = asked.values, asked.base
    before = asked.score(values, torch.arange(len(values)))
    found = asked.by_feature(torch.zeros_like(values))
    which = np.repeat(asked.is_step[..., None], found.shape[-1], axis=-1)
    places = torch.as_tensor(np.argwhere(which), device=values.device)  # (P, 3)
    for rows, steps, features in (some.unbind(1) for some in places.split(asked.at_once)):
        changed, k = values[rows], torch.arange(len(rows), device=values.device)
        is_put = asked.of_feature == features[:, None]  # (K, E)
        changed[k, steps] = torch.where(is_put, base[rows, steps], values[rows, steps])
        found[rows, steps, features] = before[rows] - asked.score(changed, rows)
    return found


METHODS = {
    "integrated_gradients": _integrated_gradients,
    "saliency": _saliency,
    "occlusion": _occlusion,
}

# cuDNN takes a gradient in training alone, in which dropout would be at work; torch's own kernels
# do in evaluation too.
_WITHOUT_CUDNN = ProcessSettings(
    [(lambda: cudnn.enabled, partial(setattr, cudnn, "enabled"), False)]
)


@contextmanager
def _evaluating(net: Any) -> Iterator[None]:
    """Compute as in prediction, with gradients if asked for; leave every module in its mode."""
    modes = [(part, part.training) for part in net.module_.modules()]
    counts = torch.device(net.device).type == "cuda" and _WITHOUT_CUDNN.enter()
    try:
        net.module_.eval()
        with torch.inference_mode(False):
            yield
    finally:
        for part, mode in modes:
            part.training = mode
        if counts:
            _WITHOUT_CUDNN.leave()
