"""Parts of messages."""

import pytest

from seqlearn.data.messages import listed, name_rows, show


@pytest.mark.parametrize(
    ("things", "text"),
    [
        ([], ""),
        (["a"], "'a'"),
        ([1, 2], "1 and 2"),
        ((1, 2, 3), "1, 2 and 3"),
        (range(5), "0, 1, 2, 3 and 4"),
        (range(7), "0, 1, 2, 3, 4 and 2 more"),
    ],
)
def test_the_first_five_are_listed(things, text):
    assert listed(things) == text


def test_rows_are_one_sequence_or_several():
    assert name_rows([3]) == "Sequence 3"
    assert name_rows([3, 5]) == "Sequences 3 and 5"


def test_long_values_are_cut():
    assert show("abc") == "'abc'"
    assert len(show("x" * 99)) == 40 and show("x" * 99).endswith("...")
