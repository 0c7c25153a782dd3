"""The optimisers that names stand for are torch's, without what torch's compiler wants."""

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from seqlearn.training.optimizers import OPTIMIZERS

TORCH = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
}


def test_every_name_stands_for_its_class():
    assert OPTIMIZERS.keys() == TORCH.keys()
    for name, (optimizer, _) in OPTIMIZERS.items():
        assert issubclass(optimizer, TORCH[name])


@pytest.mark.parametrize("name", TORCH)
def test_an_optimiser_computes_what_torchs_computes(name):
    ours, options = OPTIMIZERS[name]

    def train(kind):
        weights = torch.nn.Parameter(torch.linspace(-1, 1, 7))
        optimizer = kind([weights], lr=0.1, weight_decay=0.01, **options)
        for step in range(6):
            if step == 3:  # saved, and loaded into a new one
                state = optimizer.state_dict()
                optimizer = kind([weights], lr=1.0, **options)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            loss = optimizer.step(lambda: _loss(weights))
        return weights.detach(), loss.detach()

    for found, expected in zip(train(ours), train(TORCH[name]), strict=True):
        assert torch.equal(found, expected)


def _loss(weights):
    loss = ((weights - 0.3) ** 2).sum()
    loss.backward()
    return loss


@pytest.mark.parametrize("name", TORCH)
def test_hooks_of_steps_are_called(name):
    kind, options = OPTIMIZERS[name]
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = kind([weights], lr=0.1, **options)
    seen = []
    optimizer.register_step_pre_hook(lambda *_: seen.append("pre"))
    handle = register_optimizer_step_post_hook(lambda *_: seen.append("post"))
    try:
        _loss(weights)
        optimizer.step()
    finally:
        handle.remove()
    assert seen == ["pre", "post"]
