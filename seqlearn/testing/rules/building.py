"""What a backend is and what it builds: parameters, modules, shapes, types, copies, devices."""

import copy
import pickle
import warnings

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
    take_gradients,
    training_outputs,
    valid_outputs,
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
    """causal, stateful, bf16, missing are True or False, stable_rows is a whole number from 1 on.

    step_shape is None: no estimator feeds a core that asks for it yet.
    """
    for name in ("causal", "stateful", "bf16", "missing"):
        value = getattr(backend, name)
        require(type(value) is bool, f"{name} is {value!r}.")
    rows = backend.stable_rows
    require(type(rows) is int and rows > 0, f"stable_rows is {rows!r}.")
    require(backend.step_shape is None, f"step_shape is {backend.step_shape!r}.")


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
    """float32 in gives float32 out; after .double(), float64 in the same in float64."""
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


@core_rule()
def copies(setting):
    """Cores survive pickle and copy.deepcopy, also after training; backends survive pickle."""
    loaded = pickle.loads(pickle.dumps(setting.backend))
    require(repr(loaded) == repr(setting.backend), f"The backend came back as {loaded!r}.")
    core, (x, lengths) = setting.build(dropout=0.5), make_rows()
    weighted_sum(core.train()(x, lengths)[0], lengths).backward()
    due = valid_outputs(core.eval(), x, lengths)
    for name, twin in (
        ("pickle", pickle.loads(pickle.dumps(core))),
        ("copy.deepcopy", copy.deepcopy(core)),
    ):
        require_close(valid_outputs(twin, x, lengths), due, f"Outputs after {name}", 0.0)


@core_rule()
def state_dict(setting):
    """state_dict holds all there is to a core: loaded into another one, the outputs are equal."""
    core, other, (x, lengths) = setting.build(), setting.build(seed="other"), make_rows()
    training_outputs(core, x, lengths)  # running statistics move
    due = valid_outputs(core.eval(), x, lengths)
    other.load_state_dict(core.state_dict())
    require_close(valid_outputs(other, x, lengths), due, "Outputs of another core", 0.0)


@core_rule(layers=(1,))
def export(setting):
    """In evaluation, its weights frozen, torch.export takes a core, with lengths and without."""
    core, rows = setting.build().requires_grad_(False), make_rows((3, 2, 1), 3)
    for given, what in ((rows[:1], "without lengths"), (rows, "with lengths")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch's own layers do with their weights
            exported = torch.export.export(core, given, strict=False).module()
        require_close(exported(*given)[0], core(*given)[0], f"Outputs exported {what}")


@core_rule(lambda backend: torch.cuda.is_available())
def device(setting):
    """Moved to a GPU a core works there, with lengths on the CPU, and returns the same outputs."""
    core = setting.build()
    for lengths in (LENGTHS, (7, 7)):
        x, rows = make_rows(lengths)
        due = valid_outputs(core.cpu().eval(), x, rows)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            outputs = core.cuda()(x.cuda(), rows)[0]
            require(outputs.is_cuda, f"The outputs are on {outputs.device}.")
            found = within(outputs.cpu(), rows)
            require_close(found, due, "Outputs on the GPU and the CPU", 1e-5)
            weighted_sum(core.train()(x.cuda(), rows)[0].cpu(), rows).backward()
        for name, gradient in take_gradients(core).items():
            require_finite(gradient, f"The gradient of {name} on the GPU")
