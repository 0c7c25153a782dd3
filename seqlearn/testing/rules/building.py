"""What a backend is and what it builds: parameters, modules, shapes, types, devices."""

import torch
from sklearn.base import clone
from torch import nn

from seqlearn.errors import InvalidParameterError
from seqlearn.registry import resolve_backend
from seqlearn.testing.material import (
    LENGTHS,
    Setting,
    draw_normal,
    make_rows,
    require,
    require_close,
    require_finite,
    shown,
    weighted_sum,
    within,
)
from seqlearn.testing.rules.rule import backend_rule, core_rule


@backend_rule()
def parameter_object(backend):
    """A backend is a parameter object: its constructor stores its arguments and does no more."""
    params = backend.get_params(deep=False)
    twin = type(backend)(**params)
    for name, value in params.items():
        stored = getattr(twin, name, None)
        require(stored is value, f"{name}={value!r} was stored as {stored!r}.")
    extra = sorted(vars(twin).keys() - params)
    require(not extra, f"It sets {', '.join(extra)}, which is no argument of it.")
    require(repr(clone(backend)) == repr(backend), f"A clone reads {clone(backend)!r}.")
    require(type(resolve_backend(backend)) is type(backend), "Resolving it changes its type.")


@backend_rule()
def capabilities(backend):
    """causal, stateful and bf16 are True or False, stable_rows is a whole number from 1 on.

    step_shape is None and missing is False: no estimator feeds a core that asks for them yet.
    """
    for name in ("causal", "stateful", "bf16"):
        value = getattr(backend, name)
        require(type(value) is bool, f"{name} is {value!r}.")
    rows = backend.stable_rows
    require(type(rows) is int and rows > 0, f"stable_rows is {rows!r}.")
    require(backend.step_shape is None, f"step_shape is {backend.step_shape!r}.")
    require(backend.missing is False, f"missing is {backend.missing!r}.")


@core_rule()
def build(setting):
    """build returns a new torch module each time, with an int output_size; options stay as is."""
    before = repr(setting.backend.get_params())
    first, second = setting.build(), setting.build()
    require(isinstance(first, nn.Module), f"It returned {shown(first)}.")
    size = getattr(first, "output_size", None)
    require(type(size) is int and size > 0, f"output_size is {size!r}.")
    after = repr(setting.backend.get_params())
    require(after == before, f"Its parameters were {before}, after build they are {after}.")
    shared = {*map(id, first.parameters())} & {*map(id, second.parameters())}
    require(first is not second and not shared, f"Two builds share {len(shared)} parameters.")


@core_rule()
def output_shape(setting):
    """forward returns a pair (outputs, state); outputs has the shape (B, T, output_size)."""
    core = setting.build()
    for lengths, steps in ((LENGTHS, 7), ((4, 4), 4), ((3, 2), 6)):
        x, rows = make_rows(lengths, steps)
        answer = core(x, rows)
        is_pair = isinstance(answer, tuple) and len(answer) == 2 and torch.is_tensor(answer[0])
        require(is_pair, f"It returned {type(answer).__name__}.")
        _require_outputs(answer[0], rows, (len(rows), steps, core.output_size))


def _require_outputs(outputs, lengths, due, where=""):
    found = tuple(outputs.shape)
    require(found == due, f"The shape is {found} instead of {due}{where}.")
    require_finite(within(outputs, lengths), f"The outputs{where}")


@core_rule()
def dtype(setting):
    """float32 in gives float32 out; after .double(), float64 in gives the same in float64."""
    core, (x, lengths) = setting.build(), make_rows()
    single = core(x, lengths)[0]
    require(single.dtype == torch.float32, f"float32 became {single.dtype}.")
    double = core.double()(x.double(), lengths)[0]
    require(double.dtype == torch.float64, f"float64 became {double.dtype}.")
    weighted_sum(double, lengths).backward()
    single, double = within(single, lengths), within(double, lengths).float()
    require_close(single, double, "float32 and float64 outputs", 1e-4)


@backend_rule()
def sizes(backend):
    """Sizes from 1 on and any number of layers work, or an InvalidParameterError says why not."""
    lengths = torch.tensor([4, 2])
    for features, width, layers in ((1, 1, 1), (1, 2, 3), (7, 1, 3), (2, 33, 1)):
        for bidirectional in (False, True):
            try:
                core = Setting(backend, layers, bidirectional).build(sizes=(features, width))
            except InvalidParameterError:
                continue  # an option, such as the number of heads, asks for another size
            outputs = core(draw_normal((2, 4, features)), lengths)[0]
            where = f" at input_size={features}, hidden_size={width}, num_layers={layers}"
            _require_outputs(outputs, lengths, (2, 4, core.output_size), where)


@core_rule()
def device_of_inputs(setting):
    """forward makes its tensors where x lies, and reads no value of x or lengths to decide by it.

    Values on the device "meta" cannot be read; a core that reads them makes the processor wait
    for the GPU, and torch.export cannot export it.
    """
    core, (x, lengths) = setting.build().to("meta"), make_rows()
    for given in (None, lengths, lengths.to("meta")):
        outputs = core(x.to("meta"), given)[0]
        require(outputs.is_meta, f"The outputs are on {outputs.device}.")
