"""How sLSTM and mLSTM run over the steps of a batch.

Here live `run_slstm`, a loop over the steps with a backward pass of its own, `run_mlstm`, which
runs whole chunks of steps at once, and one step of each, left to autograd. What the letters mean,
and the equations, stand with the layers in seqlearn_xlstm.py, the only caller.
"""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid, pad

__all__ = ["chunk_length", "run_mlstm", "run_slstm", "step_mlstm", "step_slstm"]

BLOCK = 32  # steps of sLSTM whose temporaries fit into the cache
LARGEST_LOG = 30.0  # exp(30) = 1e13: what a normaliser is kept within, in both directions


def run_slstm(
    x: Tensor, weight: Tensor, bias: Tensor, recurrent: Tensor, h: Tensor, y: Tensor, level: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Run sLSTM over all steps; differentiable once.

    Parameters
    ----------
    x : Tensor of shape (B, T, F)
    weight, bias, recurrent : Tensor of shape (4H, F), (4H,) and (K, 4U, U)
    h, y, level : Tensor of shape (K, U, B)
        The state before the first step: output, ratio c / n and log n (-inf for n = 0).

    Returns
    -------
    tuple of Tensor
        All outputs, (B, T, H), and the state after the last step.
    """
    return _RunSLSTM.apply(x, weight, bias, recurrent, h, y, level)


def _blocks(steps: int) -> list[tuple[int, int]]:
    return list(pairwise([*range(0, steps, BLOCK), steps]))


class _RunSLSTM(Function):
    """The loop over the steps. Rows stand last, so that the units of a gate lie together.

    Saved of each step are a = exp(i - l), f, tanh(z) and sigmoid(o) in place of the gates' raw
    values, h and y. With dotted letters for gradients, the derivatives of a step are::

        .o = .h * y * o (1 - o)        .y += .h * o
        .z = .y * a (1 - z^2)          .i = .y * (z - y_{t-1}) a (1 - a) + .l * a
        .l <- .l - .i                  .f = .l * sigmoid(-f)        .y <- .y * (1 - a)
    """

    @staticmethod
    def forward(ctx: Any, x, weight, bias, recurrent, h, y, level):
        (rows, steps, features), (heads, units, _) = x.shape, h.shape
        gates = x.new_empty(steps, heads, 4 * units, rows)
        hs = x.new_empty(steps + 1, heads, units, rows)
        ys = torch.empty_like(hs)
        hs[0], ys[0] = h, y
        level, kept = level.clone(), torch.empty_like(level)
        for start, stop in _blocks(steps):
            block = x[:, start:stop].permute(2, 1, 0).reshape(features, -1)  # (F, t B)
            inflow = torch.addmm(bias[:, None], weight, block)  # (4H, t B)
            inflow = inflow.view(heads, 4 * units, stop - start, rows)  # (K, 4U, t, B)
            part = gates[start:stop]
            singles = [each.unbind(0) for each in (part, *part.split(units, dim=2))]
            for u, raw, i, f, z, o, h0, h1, y0, y1 in zip(
                inflow.unbind(2),
                *singles,
                hs[start:stop].unbind(0),
                hs[start + 1 : stop + 1].unbind(0),
                ys[start:stop].unbind(0),
                ys[start + 1 : stop + 1].unbind(0),
                strict=True,
            ):
                torch.baddbmm(u, recurrent, h0, out=raw)  # (K, 4U, B)
                torch.add(logsigmoid(f), level, out=kept)
                torch.logaddexp(kept, i, out=level)
                i.sub_(kept).sigmoid_()  # exp(i - l)
                torch.lerp(y0, z.tanh_(), i, out=y1)
                torch.mul(o.sigmoid_(), y1, out=h1)
        ctx.save_for_backward(x, weight, recurrent, gates, hs, ys)
        outputs = hs[1:].permute(3, 0, 1, 2).reshape(rows, steps, -1)  # (B, T, H)
        return outputs, hs[-1].clone(), ys[-1].clone(), level

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad, grad_h, grad_y, grad_level):
        x, weight, recurrent, gates, hs, ys = ctx.saved_tensors
        steps, heads, _, rows = gates.shape
        units = hs.shape[2]
        grad = grad.unflatten(-1, (heads, units)).permute(1, 2, 3, 0)  # (T, K, U, B)
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_weight, grad_recurrent = torch.zeros_like(weight), torch.zeros_like(recurrent)
        grad_bias = weight.new_zeros(len(weight))
        back = recurrent.transpose(1, 2).contiguous()  # (K, U, 4U)
        grad_h, grad_y, grad_level = grad_h.clone(), grad_y.clone(), grad_level.clone()
        for start, stop in reversed(_blocks(steps)):
            a, f, z, o = gates[start:stop].split(units, dim=2)  # (t, K, U, B) each
            h1, y0 = hs[start + 1 : stop + 1], ys[start:stop]
            keep = 1 - a
            raw = torch.empty_like(gates[start:stop])
            factors = (
                h1 - h1 * o,  # of .o
                o,
                a - a * z * z,  # of .z
                (z - y0) * a * keep,  # of .i
                a,
                torch.sigmoid(-f),  # of .f
                keep,
            )
            steps_back = [
                each.unbind(0)[::-1]
                for each in (
                    grad[start:stop].contiguous(),
                    raw,
                    *raw.split(units, dim=2),
                    *factors,
                )
            ]
            for g, raw_t, i, f_t, z_t, o_t, to_o, to_y, to_z, to_i, at, to_f, kept in zip(
                *steps_back, strict=True
            ):
                grad_h.add_(g)
                torch.mul(grad_h, to_o, out=o_t)
                grad_y.addcmul_(grad_h, to_y)
                torch.mul(grad_y, to_z, out=z_t)
                torch.mul(grad_y, to_i, out=i).addcmul_(grad_level, at)
                grad_level.sub_(i)
                torch.mul(grad_level, to_f, out=f_t)
                grad_y.mul_(kept)
                torch.bmm(back, raw_t, out=grad_h)  # (K, U, B)
            flat = raw.permute(1, 2, 0, 3).flatten(2)  # (K, 4U, t B)
            before = hs[start:stop].permute(1, 0, 3, 2).flatten(1, 2)  # (K, t B, U)
            grad_recurrent.baddbmm_(flat, before)
            flat = flat.flatten(0, 1)  # (4H, t B)
            grad_bias += flat.sum(1)
            block = x[:, start:stop].transpose(0, 1).flatten(0, 1)  # (t B, F)
            grad_weight.addmm_(flat, block)
            if grad_x is not None:
                to_x = (flat.T @ weight).view(stop - start, rows, -1)  # (t, B, F)
                grad_x[:, start:stop] = to_x.transpose(0, 1)
        return grad_x, grad_weight, grad_bias, grad_recurrent, grad_h, grad_y, grad_level


def step_slstm(
    inflow: Tensor, recurrent: Tensor, h: Tensor, y: Tensor, level: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one step of sLSTM from W x + b, (B, 4H), and return the state (h, y, l).

    recurrent is (K, 4U, U); h, y and level are (B, K, U), before the step and after it.
    """
    heads, units = h.shape[1:]
    inflow = inflow.view(-1, heads, 4 * units).transpose(0, 1)  # (K, B, 4U)
    gates = torch.baddbmm(inflow, h.transpose(0, 1), recurrent.mT).view(heads, -1, 4, units)
    i, f, z, o = gates.permute(2, 1, 0, 3).contiguous().unbind(0)  # (B, K, U) each
    kept = logsigmoid(f) + level
    y = torch.lerp(y, z.tanh(), (i - kept).sigmoid())
    return o.sigmoid() * y, y, torch.logaddexp(kept, i)


def run_mlstm(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, log_f: Tensor, memory: Tensor, level: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run mLSTM over all steps, by chunks, in time and memory linear in T.

    The steps of a chunk see each other through weights for all pairs of them, as in attention, and
    what came before the chunk through the memory at its start, as in a recurrent net. The
    stabiliser m cancels from h_t, so no gradient needs to flow through it. It is kept out of the
    normaliser's way: exp(-m) counts as at most e^30 and at least e^-30.

    Parameters
    ----------
    q, k, v : Tensor of shape (B, K, T, U)
    i, log_f : Tensor of shape (B, K, T)
        Logarithms of the gates.
    memory : Tensor of shape (B, K, U, U + 1)
        C and, as its last column, n.
    level : Tensor of shape (B, K)
        The stabiliser m (-inf with a memory of zeros).

    Returns
    -------
    tuple of Tensor
        All h, (B, K, T, U), and memory and level after the last step.
    """
    steps, units = q.shape[2:]
    length = chunk_length(units)
    chunks = -(-steps // length)
    short = chunks * length - steps
    v = pad(v, (0, 1, 0, short), value=1.0)  # the column of ones sums the weights
    q, k = pad(q, (0, 0, 0, short)), pad(k, (0, 0, 0, short))
    i = pad(i.double(), (0, short), value=-math.inf)
    log_f = pad(log_f.double(), (0, short))  # sums of large numbers cancel: float64
    with torch.no_grad():
        total = log_f.cumsum(-1)  # (B, K, T)
        m = total + torch.maximum(level[..., None], (i - total).cummax(-1).values)
        m = m.to(q.dtype)  # so that what is carried is to the bit what the memory is scaled by
        last = m[..., -1]
        m = m.double().unflatten(-1, (chunks, length))  # (B, K, N, L), N chunks of L steps
        before = torch.cat([level[..., None], m[..., :-1, -1]], dim=-1)[..., None]  # (B, K, N, 1)
    q, k, v = (each.unflatten(2, (chunks, length)) for each in (q, k, v))  # (B, K, N, L, U)
    i, log_f = (each.unflatten(-1, (chunks, length)) for each in (i, log_f))  # (B, K, N, L)
    kept = log_f.cumsum(-1)  # since the start of the chunk
    from_memory = (kept + before - m).to(q.dtype).exp()
    from_steps = (kept - m)[..., :, None] + (i - kept)[..., None, :]  # (B, K, N, L, L)
    later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    weights = from_steps.to(q.dtype).masked_fill(later, -math.inf).exp() * (q @ k.mT)
    to_memory = (kept[..., -1:] - kept + i - m[..., -1:]).to(q.dtype).exp()
    added = (k * to_memory[..., None]).mT @ v  # (B, K, N, U, U + 1)
    memories = []
    for decay, more in zip(from_memory[..., -1].unbind(2), added.unbind(2), strict=True):
        memories.append(memory)
        memory = memory * decay[..., None, None] + more
    h = weights @ v + (q * from_memory[..., None]) @ torch.stack(memories, dim=2)
    h, total_weight = h.split([units, 1], dim=-1)  # (B, K, N, L, U), (B, K, N, L, 1)
    least = (-m).clamp(-LARGEST_LOG, LARGEST_LOG).exp().to(q.dtype)
    h = h / torch.maximum(total_weight.abs(), least[..., None])
    return h.flatten(2, 3)[:, :, :steps], memory, last


def step_mlstm(
    q: Tensor, k: Tensor, v: Tensor, i: Tensor, log_f: Tensor, memory: Tensor, level: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one step of mLSTM, with the shapes of `run_mlstm` but for T: h is (B, K, U)."""
    i, kept = i.double(), log_f.double() + level
    m = torch.maximum(kept, i).to(q.dtype).detach()
    decay, taken = ((each - m).to(q.dtype).exp() for each in (kept, i))  # (B, K)
    kept = memory * decay[..., None, None]
    k, v = k * taken[..., None], pad(v, (0, 1), value=1.0)
    memory = torch.addcmul(kept, k[..., None], v[..., None, :])
    h, weight = (q[..., None, :] @ memory)[..., 0, :].split([q.shape[-1], 1], dim=-1)
    least = (-m).clamp(-LARGEST_LOG, LARGEST_LOG).exp()
    return h / torch.maximum(weight.abs(), least[..., None]), memory, m


def chunk_length(units: int) -> int:
    """Return the steps of a chunk, measured as best; no step's rounding may depend on T."""
    return 16 if units <= 16 else 32
