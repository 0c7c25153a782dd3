"""Masks are refused wherever they come in: NumPy drops them and keeps what they hide."""

import numpy as np
import pandas as pd
import pytest

from seqlearn import LSTMClassifier, SequenceEncoder, Sequences, to_sequences
from seqlearn.errors import DataFormatError
from seqlearn.preprocessing import SequenceScaler, Tokenizer

MASKED = np.ma.array([1.0, 99.0], mask=[False, True])
WHOLE = np.ma.array([1.0, 2.0], mask=[False, False])


def as_table(*cells):
    table = np.empty((1, len(cells)), dtype=object)
    for i, cell in enumerate(cells):
        table[0, i] = cell
    return table


HOLDERS = {
    "a list": lambda row: [row],
    "a list of channels": lambda row: [[row, np.ones(2)]],
    "an object array": lambda row: as_table(row)[:, 0],
    "a table": lambda row: as_table(row, np.ones(2)),
    "a column": lambda row: pd.Series([row]),
    "a frame": lambda row: pd.DataFrame({"a": [row], "b": [np.ones(2)]}),
    "an array": lambda row: np.ma.stack([row, row]),
    "a cube": lambda row: np.ma.stack([row, row])[:, :, None],
    "Sequences": lambda row: Sequences(row[:, None], np.array([0, 2])),
    "steps from a file": lambda row: [as_table(row, np.ones(2))[0]],
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_mask_of_X_is_refused_in_every_container(holder):
    hold = HOLDERS[holder]
    with pytest.raises(DataFormatError, match="masks are not read"):
        to_sequences(hold(MASKED))
    with pytest.raises(DataFormatError, match="masks are not read"):
        SequenceScaler().fit(hold(MASKED))
    plain = hold(np.asarray(WHOLE))
    np.testing.assert_array_equal(to_sequences(hold(WHOLE)).values, to_sequences(plain).values)


@pytest.mark.parametrize("X", [[[1.0, np.ma.masked]], [[1.0, np.ma.masked], [2.0]]])
def test_a_masked_value_in_a_list_is_refused(X):
    with pytest.raises(DataFormatError, match="Sequence 0 of X holds masked values"):
        to_sequences(X)


def test_a_mask_of_lengths_is_refused():
    lengths = np.ma.array([2, 3, 1], mask=[False, True, False])
    with pytest.raises(DataFormatError, match="lengths is a masked array"):
        to_sequences(np.ones((3, 4)), lengths=lengths)
    assert to_sequences(np.ones((3, 4)), lengths=np.ma.array([2, 3, 1])).lengths.sum() == 6


def test_a_mask_of_texts_is_refused():
    with pytest.raises(DataFormatError, match="X is a masked array"):
        Tokenizer().transform(np.ma.array(["a", "b"], mask=[False, True]))


def test_a_mask_in_prediction_is_refused():
    model = LSTMClassifier(hidden_size=2, max_epochs=1, random_state=0)
    model.fit([np.ones((2, 2)), np.zeros((3, 2))], [0, 1])
    encoder = SequenceEncoder(model).fit([np.ones((2, 2)), np.zeros((3, 2))], [0, 1])
    for method in (model.predict, encoder.transform):
        with pytest.raises(DataFormatError, match="Sequence 0 of X holds masked values"):
            method([[MASKED, np.ones(2)]])
