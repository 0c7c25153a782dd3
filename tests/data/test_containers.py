"""Words and numbers in whatever people keep them, read as plain lists are, or refused with advice.

A remedy named in a message is run, where it is an expression.
"""

import re
from collections import UserList, deque
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
import pytest
import torch

from seqlearn import to_sequences
from seqlearn.data.containers import unpack
from seqlearn.data.tokens import discrete_kind, read_discrete
from seqlearn.data.validation import as_sequences
from seqlearn.errors import DataFormatError

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

WORDS = [["to", "be"], ["or"], ["not", "to", "be"]]
NUMBERS = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]]


class Lazy(Sequence):
    """A sequence and nothing more, as the columns of Hugging Face's datasets are."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        return Lazy(self.values[key]) if isinstance(key, slice) else self.values[key]


def long_frame(dtype=None):
    """One word a row; ``sentence`` says of which sentence."""
    sentence = np.repeat(np.arange(3), [len(row) for row in WORDS])
    return pd.DataFrame({"sentence": sentence, "word": pd.Series([*chain(*WORDS)], dtype=dtype)})


def groups(dtype=None):
    return long_frame(dtype).groupby("sentence").word


def objects(rows, shape):
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array.reshape(shape)


WORD_FORMS = {
    "groups": lambda: [group for _, group in groups()],
    "values of groups": lambda: [group.values for _, group in groups()],
    "NumPy values of groups": lambda: [group.to_numpy() for _, group in groups()],
    "aggregated groups": lambda: groups().agg(list),
    "aggregated frame": lambda: groups().agg(list).to_frame(),
    "unique values of groups": lambda: groups().unique(),
    "categories": lambda: [group for _, group in groups("category")],
    "values of categories": lambda: [group.values for _, group in groups("category")],
    "nullable strings": lambda: [group for _, group in groups("string")],
    "arrow strings": lambda: [group for _, group in groups("string[pyarrow]")],
    "pandas indexes": lambda: [pd.Index(row) for row in WORDS],
    "polars Series": lambda: [pl.Series(row) for row in WORDS],
    "polars categories": lambda: [pl.Series(row, dtype=pl.Categorical) for row in WORDS],
    "polars column": lambda: pl.Series(WORDS),
    "polars frame": lambda: pl.DataFrame({"words": WORDS}),
    "arrow arrays": lambda: [pa.array(row) for row in WORDS],
    "arrow dictionaries": lambda: [pa.array(row).dictionary_encode() for row in WORDS],
    "arrow chunks": lambda: [pa.chunked_array([row]) for row in WORDS],
    "arrow column": lambda: pa.array(WORDS),
    "cells of an arrow column": lambda: list(pa.array(WORDS)),
    "values of an arrow column": lambda: (
        groups().agg(list).astype(pd.ArrowDtype(pa.list_(pa.string()))).array
    ),
    "deques in a column": lambda: pd.Series(list(map(deque, WORDS))),
    "arrow table": lambda: pa.table({"words": WORDS}),
    "NumPy strings": lambda: [np.array(row, dtype=np.dtypes.StringDType()) for row in WORDS],
    "object column": lambda: objects(WORDS, (3, 1)),
    "object array": lambda: objects(WORDS, (3,)),
    "deques": lambda: deque(map(deque, WORDS)),
    "user lists": lambda: UserList(map(UserList, WORDS)),
    "lazy column": lambda: Lazy(WORDS),
    "lazy rows": lambda: Lazy(list(map(Lazy, WORDS))),
}
NUMBER_FORMS = {
    "deques": lambda: deque(map(deque, NUMBERS)),
    "lazy column": lambda: Lazy(NUMBERS),
    "lazy rows": lambda: Lazy([Lazy(list(map(Lazy, row))) for row in NUMBERS]),
    "lazy arrays": lambda: Lazy(list(map(np.array, NUMBERS))),
    "lazy tensors": lambda: Lazy(list(map(torch.tensor, NUMBERS))),
    "arrays of arrays": lambda: pd.Series([objects(list(map(np.array, r)), -1) for r in NUMBERS]),
    "polars lists of lists": lambda: pl.Series(NUMBERS),
    "cells of a polars column": lambda: list(pl.Series(NUMBERS)),
    "arrow lists of lists": lambda: pa.array(NUMBERS),
    "cells of an arrow column": lambda: list(pa.array(NUMBERS)),
    "lazy rows in a column": lambda: pd.Series([Lazy(row) for row in NUMBERS]),
    "tensors in a column": lambda: objects(list(map(torch.tensor, NUMBERS)), (2, 1)),
    "nullable frames": lambda: [pd.DataFrame(row, dtype="Float64") for row in NUMBERS],
}


def read_words(X):
    X = unpack(X)
    assert discrete_kind(X) == "tokens"
    sequences = read_discrete(X, "tokens")
    return [[sequences.dictionary.words[code] for code in row[:, 0]] for row in sequences]


@pytest.mark.parametrize("form", WORD_FORMS)
def test_words(form):
    assert read_words(WORD_FORMS[form]()) == WORDS


@pytest.mark.parametrize("form", NUMBER_FORMS)
def test_numbers(form):
    X = NUMBER_FORMS[form]()
    assert discrete_kind(unpack(X)) is None
    assert [row.tolist() for row in to_sequences(X)] == NUMBERS


NOT_WORDS = {
    "None": (None, "It is missing"),
    "NaN": (np.nan, "It is missing"),
    "pandas.NA": (pd.NA, "It is missing"),
    "an integer": (1984, r"str\(word\)"),
    "a NumPy integer": (np.int64(1984), r"str\(word\)"),
    "bytes": (b"be", r"word.decode\(\)"),
    "a list": (["be"], "every step must be a string"),
}


@pytest.mark.parametrize("name", NOT_WORDS)
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("step", [0, 1])
def test_what_is_no_word_is_named_wherever_it_stands(name, row, step):
    value, message = NOT_WORDS[name]
    X = [["to", "be"], ["or", "not"]]
    X[row][step] = value
    for make in (list, lambda r: pd.Series(r, dtype=object), deque):
        rows = unpack([make(r) for r in X])
        assert discrete_kind(rows) == "tokens"
        with pytest.raises(DataFormatError, match=f"Step {step} of sequence {row}.*{message}"):
            read_discrete(rows, "tokens")


def test_words_and_dictionaries_are_not_mixed():
    for X, kind, row in (([["a", {}], ["b"]], "tokens", 0), ([[{}], ["b", {}]], "features", 1)):
        assert discrete_kind(X) == kind
        with pytest.raises(DataFormatError, match=f"of sequence {row} of X"):
            read_discrete(X, kind)


@pytest.mark.parametrize("first", [[1984], np.array([1984]), pd.Series([1984])])
def test_a_sequence_of_numbers_among_words_is_named(first):
    for X, row in (([first, ["a"]], 0), ([["a"], first], 1)):
        assert discrete_kind(X) == "tokens"
        with pytest.raises(DataFormatError, match=f"equence {row} of X is"):
            read_discrete(X, "tokens")


@pytest.mark.parametrize("missing", [None, pd.NA, np.nan])
def test_a_missing_row_of_words_is_named(missing):
    X = unpack(pd.Series([missing, ["a"]], dtype=object))
    assert discrete_kind(X) == "tokens"
    with pytest.raises(DataFormatError, match=r"Sequence 0 of X is .*not a list"):
        read_discrete(X, "tokens")


TEXTS = {
    "pandas": lambda: pd.Series(["a b", "c"]),
    "values": lambda: pd.Series(["a b", "c"], dtype="string").array,
    "categories": lambda: pd.Series(["a b", "c"], dtype="category"),
    "values of categories": lambda: pd.Categorical(["a b", "c"]),
    "polars": lambda: pl.Series(["a b", "c"]),
    "arrow": lambda: pa.array(["a b", "c"]),
    "lazy": lambda: Lazy(["a b", "c"]),
    "frame": lambda: pd.DataFrame({"text": ["a b", "c"]}),
    "polars frame": lambda: pl.DataFrame({"text": ["a b", "c"]}),
}


@pytest.mark.parametrize("form", TEXTS)
def test_text_that_is_not_cut_gets_the_tokenizer_named(form):
    with pytest.raises(DataFormatError, match=r"Tokenizer\(\)"):
        discrete_kind(unpack(TEXTS[form]()))


# Missing values.

MISSING = {
    "nullable Series in a column": pd.Series([pd.Series([1.0, pd.NA], dtype="Float64")]),
    "nullable array in a frame": pd.DataFrame({"a": [pd.array([1, pd.NA])]}),
    "pandas.NA in a list": [[[1.0], [pd.NA]]],
    "nullable frame": [pd.DataFrame({"a": [1, pd.NA]}, dtype="Int64")],
    "NaT in a list": [[[1.0], [pd.NaT]]],
    "panel": pd.DataFrame({"a": [1, pd.NA]}, index=[[0, 0], [0, 1]], dtype="Int64"),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_values_are_nan(name):
    np.testing.assert_array_equal(to_sequences(MISSING[name]).values, [[1.0], [np.nan]])


def test_a_cell_that_is_not_rectangular_is_named():
    for cell in (deque([[1.0], [1.0, 2.0]]), Lazy([[1.0], [1.0, 2.0]])):
        X = pd.Series([[[1.0]], cell])
        with pytest.raises(DataFormatError, match="Sequence 1 of X is not rectangular"):
            to_sequences(X)


def test_missing_cells_are_named():
    cells = [np.ones((2, 1)), pd.NA]
    with pytest.raises(DataFormatError, match="Sequence 1 of X is <NA>"):
        to_sequences(pd.DataFrame({"a": cells}))
    two = pd.DataFrame({"a": cells, "b": [np.ones(2), np.ones(3)]})
    with pytest.raises(DataFormatError, match=r"sequence 1 of X .*\[0, 3\] \(0 stands for a miss"):
        to_sequences(two)


# Refused.


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        if i >= 2:
            raise IndexError(i)
        return np.array(NUMBERS[i]), i


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(zip(NUMBERS, [0, 1], strict=True))


NESTED = pl.DataFrame({"a": [[1.0, 3.0], [5.0]], "b": [[2.0, 4.0], [6.0]]})
REFUSED = {
    "torch Dataset": (Pairs, "Pass them apart: X = (.*), and y"),
    "polars LazyFrame": (NESTED.lazy, "no values yet. Pass (.*)"),
    "RecordBatchReader": (
        lambda: pa.RecordBatchReader.from_batches(
            NESTED.to_arrow().schema, NESTED.to_arrow().to_batches()
        ),
        "read once. Pass (.*)",
    ),
    "dict": (lambda: dict(enumerate(NUMBERS)), r"a dict;.* Pass (list\(.*\)) if these are"),
    "dict values": (lambda: dict(enumerate(NUMBERS)).values(), r"Pass (list\(X\)) if these are"),
    "generator": (lambda: (row for row in NUMBERS), r"a generator.*Pass (list\(X\)) if these are"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_remedy_of_a_refusal_works(name):
    make, message = REFUSED[name]
    X = make()
    with pytest.raises(DataFormatError, match=message) as caught:
        as_sequences(unpack(X))
    remedy = re.search(message, str(caught.value))[1].rstrip(".")
    assert [row.tolist() for row in to_sequences(eval(remedy, {"X": X}))] == NUMBERS


def test_what_has_no_rows_is_refused():
    loader = torch.utils.data.DataLoader(Pairs())
    group_by = long_frame().groupby("sentence")
    for X, message in (
        (Stream(), "IterableDataset.*as lists"),
        (loader, "torch DataLoader.*list of"),
        (group_by, "pandas GroupBy.*for _, group in X"),
        (group_by.word, "pandas GroupBy"),
        (pl.DataFrame({"s": [1]}).group_by("s"), "polars GroupBy"),
        ([NESTED.lazy()], r"Sequence 0 of X is a polars LazyFrame.*row.collect\(\)"),
    ):
        with pytest.raises(DataFormatError, match=message):
            as_sequences(unpack(X))


@pytest.mark.parametrize(
    ("package", "name", "message"),
    [
        ("xarray.core.dataset", "Dataset", "xarray Dataset.*to_dataarray"),
        ("datasets.arrow_dataset", "Dataset", r"Hugging Face Dataset.*X\['NAME'\]"),
        ("datasets.dataset_dict", "DatasetDict", r"X\['train'\]\['NAME'\]"),
        ("datasets.iterable_dataset", "IterableDataset", "row.*for row in X"),
    ],
)
def test_containers_of_packages_that_are_not_here_are_known_by_name(package, name, message):
    base = type(name, (dict,), {"__module__": package})
    for kind in (base, type("Own", (base,), {"__module__": "__main__"})):
        with pytest.raises(DataFormatError, match=message):
            unpack(kind())


def test_several_columns_of_words_are_refused_with_the_way_out():
    X = pd.DataFrame({"word": [["a"]], "tag": [["b"]]})
    with pytest.raises(DataFormatError, match=r"'word' of sequence 0.*holds words.*dictionaries"):
        unpack(X)
    with pytest.raises(DataFormatError, match=r"row\['NAME'\]"):
        to_sequences([pd.DataFrame({"word": ["a", "b"]})])


def test_the_advice_on_a_multiindex_fits_what_it_holds():
    steps = long_frame().set_index(["sentence", np.arange(6)])
    with pytest.raises(DataFormatError, match=r"MultiIndex.*Words become lists: (.*)") as caught:
        unpack(steps)
    remedy = re.search("lists: (.*)[.]$", str(caught.value))[1].replace("NAME", "word")
    assert read_words(eval(remedy, {"X": steps})) == WORDS
    sentences = pd.Series(WORDS, index=pd.MultiIndex.from_tuples([(0, 0), (0, 1), (1, 0)]))
    with pytest.raises(DataFormatError, match=r"MultiIndex.*reset_index\(drop=True\)"):
        unpack(sentences)
    assert read_words(sentences.reset_index(drop=True)) == WORDS
