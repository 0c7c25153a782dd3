"""``python -m seqlearn new-plugin NAME``: the folder of a distribution with one new backend.

What is written works as it is: a minimal gated unit in plain torch, whose equations the author
replaces, its registration, and a test that holds the contract up to it.
"""

import re
from pathlib import Path
from string import Template

from seqlearn.errors import InvalidParameterError

__all__ = ["new_plugin", "plugin_files"]

PYPROJECT = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "seqlearn-$name"
version = "0.1.0"
description = "The backend $name for scikit-seqlearn"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["scikit-seqlearn", "torch"]

[project.entry-points."seqlearn.backends"]
$name = "$module:$class_name"

[tool.setuptools]
py-modules = ["$module"]
"""

MODULE = '''\
"""The backend "$name": a minimal gated unit (Zhou et al. 2016). Put your own equations here."""

import torch
from torch import nn

from seqlearn.backend import Backend, Stack


class Layer(nn.Module):
    """One causal layer, (B, T, F) to (B, T, H); it continues from ``state``, rows first."""

    def __init__(self, input_size, hidden_size, gate_bias):
        super().__init__()
        self.from_input = nn.Linear(input_size, 2 * hidden_size)
        self.gate = nn.Linear(hidden_size, hidden_size)
        self.offer = nn.Linear(hidden_size, hidden_size, bias=False)
        nn.init.constant_(self.gate.bias, gate_bias)

    def forward(self, x, state=None):
        h = self.start(x) if state is None else state  # (B, H)
        outputs = []
        for z in self.from_input(x).unbind(1):  # all steps at once, then T of (B, 2H)
            h = self.move(z, h)
            outputs.append(h)
        return torch.stack(outputs, dim=1), h

    def step(self, x, state=None):
        """Run one step, (B, F) to (B, H): as forward does, but faster; it may be left out."""
        h = self.move(self.from_input(x), self.start(x) if state is None else state)
        return h, h

    def start(self, x):
        return x.new_zeros(x.shape[0], self.gate.out_features)

    def move(self, z, h):
        z_gate, z_offer = z.chunk(2, dim=1)
        gate = torch.sigmoid(z_gate + self.gate(h))
        return torch.lerp(h, torch.tanh(z_offer + self.offer(gate * h)), gate)


class $class_name(Backend):
    """Minimal gated unit; ``gate_bias`` is the initial bias of its gate, an axis of a search."""

    def __init__(self, gate_bias=0.0):
        self.gate_bias = gate_bias

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        """Return the core; Stack adds depth, the second direction and dropout between layers."""
        return Stack(
            lambda size: Layer(size, hidden_size, self.gate_bias),
            input_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
'''

TEST = '''\
"""The contract between estimator and backend: padding, state, gradients, seeds, copies and more."""

import pytest

from seqlearn.testing import backend_checks


@pytest.mark.parametrize("check", backend_checks("$name"))
def test_contract(check):
    check()
'''

README = """\
# seqlearn-$name

The backend `$name` for scikit-seqlearn: a minimal gated unit (Zhou et al. 2016).

    python -m pip install .
    python -m seqlearn backends --check $name

```python
from seqlearn import LSTMClassifier
from $module import $class_name

LSTMClassifier(backend="$name")  # by name
LSTMClassifier(backend=$class_name(gate_bias=1.0))  # with options: backend__gate_bias in a grid
```
"""


def new_plugin(name: str, folder: str | Path = ".") -> int:
    """Write the folder ``seqlearn-NAME`` below ``folder`` and print what to do next.

    Parameters
    ----------
    name : str
        Name of the backend: lower-case letters, digits and single hyphens, a letter first.
    folder : str or Path
        Where the new folder is made.

    Returns
    -------
    int
        0, the exit status.

    Raises
    ------
    InvalidParameterError
        The name has another form, an installed backend has it, or the folder is there already.
    """
    from seqlearn.registry import available_backends

    files = plugin_files(name)
    taken = available_backends().get(name)
    if taken:
        raise InvalidParameterError(
            f"The backend name {name!r} is taken by {taken}; two distributions cannot share one."
        )
    target = Path(folder) / f"seqlearn-{name}"
    if target.exists():
        raise InvalidParameterError(
            f"{target} exists already; nothing was written. Choose another name or folder."
        )
    for path, text in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
        print(f"wrote {target / path}")
    print(
        f"\nnext:\n"
        f"  python -m pip install -e {target}\n"
        f"  python -m seqlearn backends --check {name}\n"
        f"  python -m pytest {target}"
    )
    return 0


def plugin_files(name: str) -> dict[str, str]:
    """Return the text of each file of a plugin by its path in the folder.

    Raises
    ------
    InvalidParameterError
        ``name`` is no lower-case word of letters, digits and single hyphens.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InvalidParameterError(
            f"A backend's name consists of lower-case letters, digits and single hyphens, a letter "
            f"first, for example 'relu' or 'min-gru'. Got {name!r} instead."
        )
    module = "seqlearn_" + name.replace("-", "_")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    texts = {
        "pyproject.toml": PYPROJECT,
        f"{module}.py": MODULE,
        f"tests/test_{module.removeprefix('seqlearn_')}.py": TEST,
        "README.md": README,
    }
    return {
        path: Template(text).substitute(name=name, module=module, class_name=class_name)
        for path, text in texts.items()
    }
