"""Everything that seqlearn uses of torch and torch does not say in public: here, and nowhere else.

A release of torch may change any of it. So each piece has a public way to the same answer, which
serves where torch has no such thing or calls it otherwise: slower, or less of it at once, never
another result. tests/test_torch_internals.py takes the pieces away one by one, and looks that no
other file touches them. Names of torch's that this file looks up stand on top.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import chain
from operator import attrgetter
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import optimizer as optimizers  # a module, which torch.optim hides

try:
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:  # then `draws_from` lends its generator's state
    TorchDispatchMode = None  # type: ignore[assignment,misc]

__all__ = [
    "LSTMKernels",
    "bf16_units",
    "children_of",
    "computes_bf16",
    "draws_from",
    "has_bf16_kernels",
    "have_forward_hooks",
    "have_gradient_hooks",
    "is_fast_in_bf16",
    "log_softmax_nll_with_gradient",
    "lstm_kernels",
    "step_of_fused_adam",
    "torch_functions_redirected",
    "weights_of",
]

# attrgetter reads in C: every module is asked for these before every prediction.
FORWARD_HOOKS = attrgetter("_forward_hooks", "_forward_pre_hooks")
BACKWARD_HOOKS = attrgetter("_backward_hooks", "_backward_pre_hooks")
GLOBAL_HOOKS = attrgetter(
    *(f"_global_{name}_hooks" for name in ("forward", "forward_pre", "backward", "backward_pre"))
)
PARAMETER_HOOKS = attrgetter("_backward_hooks", "_post_accumulate_grad_hooks")
STEP_HOOKS = attrgetter("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
GLOBAL_STEP_HOOKS = attrgetter("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
CHILDREN = attrgetter("_modules")
WEIGHTS = attrgetter("_flat_weights")
SCHEMA = "_schema"
FUSED_ADAM = attrgetter("_fused_adam_", "_fused_adamw_")
BF16_KERNELS = attrgetter("_is_mkldnn_bf16_supported")
BF16_UNITS = {"AMX tiles": "_is_amx_tile_supported", "AVX512_BF16": "_is_avx512_bf16_supported"}
REDIRECTIONS = "_len_torch_function_stack"
KERNEL = "mkldnn_rnn_layer"
FORWARD = (
    "input weight0 weight1 weight2 weight3 hx_ cx_ reverse batch_sizes mode hidden_size "
    "num_layers has_biases bidirectional batch_first train"
)
BACKWARD = (
    "input weight1 weight2 weight3 weight4 hx_ cx_tmp output hy_ cy_ grad_output grad_hy grad_cy "
    "reverse mode hidden_size num_layers has_biases train bidirectional batch_sizes batch_first "
    "workspace"
)
CROSS_ENTROPY = attrgetter(
    "_log_softmax.default",
    "nll_loss_forward.default",
    "nll_loss_backward.default",
    "_log_softmax_backward_data.default",
)
LSTM = 2  # the number that torch gives to this kind of layer
NO_REDUCTION = 0


# Kernels of a recurrent layer.


class LSTMKernels:
    """oneDNN's kernels for one LSTM layer in one direction, called without autograd.

    Parameters
    ----------
    forward, backward : callable
        The operations of torch; `lstm_kernels` knows them.
    """

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any]):
        self._forward, self._backward = forward, backward

    def forward(
        self,
        x: Tensor,
        weights: Sequence[Tensor],
        reverse: bool = False,
        state: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple]:
        """Compute a layer.

        Parameters
        ----------
        x : Tensor of shape (T, B, F)
            Contiguous, steps first.
        weights : sequence of Tensor
            As `weights_of` returns them, of the type of ``x``.
        reverse : bool, default=False
            Whether to read the steps from the last to the first.
        state : tuple of two Tensors of shape (B, H), optional
            Output and cell before the first step; zeros without.

        Returns
        -------
        outputs : Tensor of shape (T, B, H)
        kept : tuple
            What `backward` needs: what went in, and what came out, of which the second and third
            are output and cell after the last step.
        """
        size = weights[1].shape[1]
        if state is None:
            start = x.new_zeros(x.shape[1], size)  # (B, H)
            state = (start, start)
        inputs = (x, *weights, *state)
        states = self._forward(*inputs, reverse, [], LSTM, size, 1, True, False, False, True)
        return states[0], (inputs, states)

    def backward(
        self, kept: tuple, steps: Tensor | None, end: Tensor | None, reverse: bool = False
    ) -> list[Tensor]:
        """Return the gradients of the inputs, (T, B, F), and of the four weights.

        Parameters
        ----------
        kept : tuple
            What `forward` returned.
        steps : Tensor of shape (T, B, H) or None
            Gradient of the outputs.
        end : Tensor of shape (B, H) or None
            Gradient of the output of the step that was computed last, besides.
        reverse : bool, default=False
            As it was in `forward`.
        """
        inputs, (*states, workspace) = kept
        size = inputs[2].shape[1]
        gradients = self._backward(
            *(*inputs, *states, steps, end, None, reverse, LSTM, size, 1),
            *(True, True, False, [], False, workspace),
        )
        return list(gradients[:5])


def lstm_kernels() -> LSTMKernels | None:
    """Return oneDNN's kernels if torch uses them now, and calls them as `LSTMKernels` does.

    Where this is None, modules and autograd compute the same.
    """
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return None
    found = []
    for name, arguments in ((KERNEL, FORWARD), (f"{KERNEL}_backward", BACKWARD)):
        try:
            kernel = getattr(torch.ops.aten, name).default
            schema = getattr(kernel, SCHEMA)
        except AttributeError:
            return None
        if [argument.name for argument in schema.arguments] != arguments.split():
            return None
        found.append(kernel)
    return LSTMKernels(*found)


def weights_of(layer: nn.RNNBase) -> list[Tensor]:
    """Return the weights of a layer as they are now, in the order that its kernels take."""
    try:
        return WEIGHTS(layer)
    except AttributeError:
        return list(layer.parameters())


# Hooks of modules, gradients and updates; where torch does not tell, there may be some.


def have_forward_hooks(modules: list[nn.Module]) -> bool:
    """Whether one of these modules, or any module, may have a hook on its call."""
    try:
        own = chain.from_iterable(map(FORWARD_HOOKS, modules))
        return any(own) or any(GLOBAL_HOOKS(nn.modules.module))
    except AttributeError:
        return True


def have_gradient_hooks(modules: Iterable[nn.Module]) -> bool:
    """Whether one of these modules, or a parameter of its own, may have a hook on gradients."""
    try:
        return any(
            any(BACKWARD_HOOKS(module))
            or any(any(PARAMETER_HOOKS(one)) for one in module.parameters(recurse=False))
            for module in modules
        )
    except AttributeError:
        return True


def children_of(modules: list[nn.Module]) -> list[dict[str, nn.Module | None]]:
    """Return the modules directly below each, by their names."""
    try:
        return list(map(CHILDREN, modules))
    except AttributeError:
        return [dict(module.named_children()) for module in modules]


# Losses and updates.


def log_softmax_nll_with_gradient(
    outputs: Tensor, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Cross entropies of rows, and the gradient of their weighted sum, without autograd.

    Parameters
    ----------
    outputs : Tensor of shape (B, C)
        Logits.
    targets : Tensor of shape (B,)
        Class codes.
    weights : Tensor of shape (B,)
        What each row's loss counts in the sum.

    Returns
    -------
    losses : Tensor of shape (B,)
    gradient : Tensor of shape (B, C)
    """
    try:
        log_softmax, forward, backward, log_softmax_back = CROSS_ENTROPY(torch.ops.aten)
    except AttributeError:
        return _by_autograd(outputs, targets, weights)
    logarithms = log_softmax(outputs, 1, False)
    kind = (targets, None, NO_REDUCTION, -100)  # no class weights; -100 is no label of ours
    losses, total = forward(logarithms, *kind)
    gradient = backward(weights, logarithms, *kind, total)
    return losses, log_softmax_back(gradient, logarithms, 1, logarithms.dtype)


def _by_autograd(outputs: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        losses = functional.cross_entropy(leaf, targets, reduction="none")
        (gradient,) = torch.autograd.grad(losses, leaf, weights)
    return losses.detach(), gradient


def step_of_fused_adam(optimizer: torch.optim.Adam, vector: nn.Parameter) -> bool:
    """Do the step of an Adam that has one parameter by the one kernel that the step ends in.

    Parameters
    ----------
    optimizer : Adam or AdamW
        ``fused``.
    vector : nn.Parameter
        Its only parameter.

    Returns
    -------
    bool
        False if nothing was done and ``optimizer.step()`` has to: the first step, and where
        somebody may listen to steps.
    """
    state, group = optimizer.state.get(vector), optimizer.param_groups[0]
    try:
        if any(STEP_HOOKS(optimizer)) or any(GLOBAL_STEP_HOOKS(optimizers)):
            return False
        adam, adamw = FUSED_ADAM(torch)
    except AttributeError:
        return False
    if not state or group["amsgrad"]:
        return False
    is_adamw = isinstance(optimizer, torch.optim.AdamW)
    kernel = adamw if group.get("decoupled_weight_decay", is_adamw) else adam
    beta1, beta2 = group["betas"]
    state["step"] += 1
    kernel(
        [vector.detach()],
        [vector.grad],
        [state["exp_avg"]],
        [state["exp_avg_sq"]],
        [],
        [state["step"]],
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=group["maximize"],
    )
    return True


# Chance.


def draws_from(generator: torch.Generator) -> AbstractContextManager:
    """Return the context of `seqlearn.backend.draw_from`.

    Where operations cannot be watched, it exchanges the state of torch's global generator
    instead, which has to be of the CPU: the numbers are the same, but other threads that draw
    meanwhile draw of them too.
    """
    if TorchDispatchMode is None or not hasattr(torch.ops.aten.rand.default, SCHEMA):
        return _lent(generator)
    return _Drawing(generator)


_lending = RLock()


@contextmanager
def _lent(generator: torch.Generator) -> Iterator[None]:
    with _lending:
        before = torch.get_rng_state()
        torch.set_rng_state(generator.get_state())
        try:
            yield
        finally:
            generator.set_state(torch.get_rng_state())
            torch.set_rng_state(before)


class _Drawing(TorchDispatchMode or object):  # type: ignore[misc]
    """Random operations that were given no generator get this one."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.generator = generator

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch asks; else it imports its compiler, which takes a second

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags and kwargs.get("generator") is None:
            func = _with_generator(func)
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


def _with_generator(func: Any) -> Any:
    """Return the overload of a random operation that takes a generator: randn.generator, say."""
    schema = getattr(func, SCHEMA)
    if "generator" in {argument.name for argument in schema.arguments}:
        return func
    wanted = {*schema.overload_name.split("_"), "generator"} - {""}
    for name in func.overloadpacket.overloads():
        if set(name.split("_")) == wanted:
            return getattr(func.overloadpacket, name)
    raise RuntimeError(
        f"{func} takes no generator, so draw_from cannot decide what it draws. For noise in "
        "training use seqlearn.backend.Dropout."
    )


def torch_functions_redirected() -> bool:
    """Whether torch's functions may be redirected in this thread, to a default device say."""
    return bool(getattr(torch._C, REDIRECTIONS, lambda: 1)())


# bfloat16.


@cache
def has_bf16_kernels() -> bool:
    """Whether `LSTMKernels` compute in bfloat16; where they do not, autograd trains in it."""
    try:
        return BF16_KERNELS(torch.ops.mkldnn)()
    except AttributeError:
        return False


@cache
def computes_bf16(device: str) -> bool:
    """Whether a recurrent layer can be trained in bfloat16 on the device, found by trying it once.

    What a processor says of itself does not tell: oneDNN may have been held to older instructions.

    Parameters
    ----------
    device : str
        "cpu", "cuda" or "cuda:1".
    """
    kind = torch.device(device).type
    shapes = [(8, 2), (8, 2), (8,), (8,)]
    try:
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(kind, torch.bfloat16):
            weights = [torch.zeros(s, device=device, requires_grad=True) for s in shapes]
            x, start = torch.zeros(2, 3, 2, device=device), torch.zeros(1, 2, 2, device=device)
            outputs = torch.lstm(x, (start, start), weights, True, 1, 0.0, True, False, True)[0]
            outputs.float().sum().backward()
    except RuntimeError:  # oneDNN: "could not create a primitive descriptor"
        return False
    return True


def bf16_units() -> dict[str, bool]:
    """Return which units for bfloat16 the processor has; none where torch cannot say."""
    return {unit: getattr(torch.cpu, name, bool)() for unit, name in BF16_UNITS.items()}


def is_fast_in_bf16(device: str) -> bool:
    """Whether the device has units for products of bfloat16, and they can be used."""
    kind = torch.device(device).type
    if kind == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    elif kind == "cpu":
        fast = any(bf16_units().values())
    else:
        fast = False
    return fast and computes_bf16(device)
