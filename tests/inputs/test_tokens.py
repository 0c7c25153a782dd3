"""Codes of tokens as vectors: dropout that stays on a row, unknown tokens."""

import torch

from seqlearn.inputs.tokens import TokenEmbedding

CODES = torch.tensor([[1, 2, 3], [3, 1, 2]])[..., None]  # (B, T, 1)


def test_vectors_are_rows_of_the_table_and_a_step_is_one_of_them():
    layer = TokenEmbedding(4, 5).eval()
    values, lengths, context = layer(CODES, torch.tensor([3, 2]))
    assert torch.equal(values, layer.tokens.weight[CODES[..., 0]])
    assert lengths.tolist() == [3, 2] and context is None
    step, state = layer.step(CODES[:, 1, 0])
    assert torch.equal(step, values[:, 1]) and state is None


def test_a_row_forgets_the_same_values_at_all_steps():
    layer = TokenEmbedding(4, 40, dropout=0.5)
    torch.nn.init.ones_(layer.tokens.weight)
    values = layer(CODES, None).values
    assert torch.equal(values[:, 0], values[:, 2])
    assert not torch.equal(values[0], values[1])
    assert set(values.unique().tolist()) == {0.0, 2.0}


def test_tokens_are_taken_for_unknown_in_training_alone():
    layer = TokenEmbedding(4, 5, unknown_dropout=0.5)
    torch.nn.init.zeros_(layer.tokens.weight)
    torch.nn.init.ones_(layer.tokens.weight[:1])
    many = torch.ones(50, 40, 1, dtype=torch.long)
    share = layer(many, None).values.mean().item()
    assert 0.4 < share < 0.6
    assert not layer.eval()(many, None).values.any()
