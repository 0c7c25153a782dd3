"""What is asked of a core before it runs step by step: sound ones pass, broken ones are named."""

import pytest
import torch
from torch import nn

from seqlearn.backend import Backend, Dropout, Stack, step_core
from seqlearn.errors import InvalidBackendError, InvalidParameterError
from seqlearn.modules.stepping import check_state
from seqlearn.registry import load_backend
from seqlearn.states import require_shapes, shapes, with_rows

SIZES = {"num_layers": 2, "bidirectional": False, "dropout": 0.5}
BUILT_IN = ["torch", "gru", "rnn", "reference"]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sound_core_tells_the_shapes_of_one_row(name, dtype):
    backend = load_backend(name)()
    core = backend.build(3, 5, **SIZES).to(dtype)
    due = check_state(core, backend, 3)
    _, state = step_core(core, torch.zeros(4, 3, dtype=dtype))
    assert shapes(state) == with_rows(due, 4)
    require_shapes(state, with_rows(due, 4))


def test_the_core_is_left_as_it_was():
    backend = load_backend("torch")()
    core = backend.build(3, 5, **SIZES).train()
    core.dropout.eval()
    before = {name: value.clone() for name, value in core.state_dict().items()}
    random_state = torch.get_rng_state()
    check_state(core, backend, 3)
    assert core.training and core.layers[1].training and not core.dropout.training
    assert all(torch.equal(value, before[name]) for name, value in core.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    first, second = Dropout(0.5), core.dropout.train()
    assert torch.equal(first(torch.ones(99)), second(torch.ones(99)))  # no mask was drawn


def changed(state, change):
    if isinstance(state, tuple):
        return tuple(changed(part, change) for part in state)
    return change(state)


class Core(nn.Module):
    output_size = 5

    def __init__(self, out, back):
        super().__init__()
        self.stack, self.out, self.back = (
            Stack(lambda n: nn.GRU(n, 5, batch_first=True), 3, 5),
            out,
            back,
        )

    def forward(self, x, lengths=None, state=None):
        outputs, state = self.stack(x, lengths, None if state is None else self.back(state))
        return outputs, self.out(state)


class Broken(Backend):
    def __init__(self, out=None, back=None):
        self.out = out
        self.back = back

    def build(self, input_size, hidden_size, **rest):
        return Core(self.out, self.back)


FAULTS = {
    "torch's axis": (
        lambda state: changed(state, lambda part: part[None]),
        lambda state: changed(state, lambda part: part[0]),
        r"of which its tensors have the shapes \(\(1, 3, 5\),\)",
    ),
    "rows last": (
        lambda state: changed(state, lambda part: part.T),
        lambda state: changed(state, lambda part: part.T),
        r"shapes \(\(5, 3\),\)",
    ),
    "a list": (list, tuple, "shapes list"),
    "a tensor": (lambda state: state[0], lambda state: (state,), r"shapes \(3, 5\)"),
    "no tensors": (lambda state: (), lambda state: None, r"shapes \(\)"),
    "rows reversed": (
        lambda state: changed(state, lambda part: part.flip(0)),
        lambda state: changed(state, lambda part: part.flip(0)),
        "rows selected from it do not continue those rows",
    ),
    "rows counted": (
        lambda state: (*state, torch.zeros(3, 1)),
        lambda state: (state[0].view(3, 5),),
        "with rows selected it raised RuntimeError",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_state_without_rows_first_is_named_with_its_backend(name):
    *how, found = FAULTS[name]
    backend = Broken(*how)
    with pytest.raises(InvalidBackendError, match=found) as failure:
        check_state(backend.build(3, 5), backend, 3)
    assert "Broken(" in str(failure.value) and "rule 'state_rows'" in str(failure.value)


def test_the_distribution_is_named(install):
    source = (
        "from torch import nn\n"
        "from seqlearn.backend import Backend\n"
        "class Core(nn.Module):\n"
        "    output_size = 3\n"
        "    def forward(self, x, lengths=None, state=None):\n"
        "        return x, (x.mean(0),)\n"
        "class Wrong(Backend):\n"
        "    def build(self, input_size, hidden_size, **rest):\n"
        "        return Core()\n"
    )
    install("seqlearn-wrong", {"wrong": "seqlearn_wrong:Wrong"}, {"seqlearn_wrong": source}, "3.1")
    backend = load_backend("wrong")()
    with pytest.raises(
        InvalidBackendError, match=r"The backend 'wrong' of seqlearn-wrong 3\.1 breaks"
    ):
        check_state(backend.build(3, 3), backend, 2)


def test_a_core_without_state_cannot_step():
    backend = load_backend("torch")()
    core = backend.build(3, 5, num_layers=1, bidirectional=True, dropout=0.0)
    with pytest.raises(InvalidParameterError, match=r"'torch' .* with bidirectional=False"):
        check_state(core, backend, 3)
