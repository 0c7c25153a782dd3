"""Containers that are not read, and what to pass in their place.

They hold sequences in some way, but not as one thing with rows: a lazy plan, a loader of batches,
several variables. Known by the names of their classes; none of their packages is imported.
"""

from functools import lru_cache
from typing import Any

from seqlearn.errors import DataFormatError

__all__ = ["FRAMES", "packages_of", "refuse_container"]

FRAMES = {"pandas", "polars", "pyarrow"}  # packages of data frames and their columns

REMEDIES = {  # package and class: what to pass
    ("torch", "PackedSequence"): (
        "a torch PackedSequence, which scikit-learn cannot split",
        "a list of its sequences: torch.nn.utils.rnn.unpack_sequence({x})",
    ),
    ("torch", "IterableDataset"): (
        "a torch IterableDataset, whose rows cannot be chosen by number",
        "its sequences and targets as lists: X, y = zip(*{x})",
    ),
    ("torch", "Dataset"): (
        "a torch Dataset, which holds sequences and targets in one",
        "them apart: X = [{x}[i][0] for i in range(len({x}))], and y = [{x}[i][1] for i in "
        "range(len({x}))]",
    ),
    ("torch", "DataLoader"): (
        "a torch DataLoader; the estimators make batches of their own, without padding",
        "the sequences that its dataset holds, as a list of (T_i, F) arrays, and the targets as y",
    ),
    ("polars", "LazyFrame"): ("a polars LazyFrame, which has no values yet", "{x}.collect()"),
    ("xarray", "Dataset"): (
        "an xarray Dataset, which has no order of its dimensions",
        "an array (N, T, F), F its variables: {x}.to_dataarray('channel').transpose(sample, "
        "time, 'channel'), with the names of its dimensions for sample and time",
    ),
    ("datasets", "Dataset"): (
        "a Hugging Face Dataset, a table of several columns",
        "one of them, {x}['NAME'], and another as y; its columns are in {x}.column_names",
    ),
    ("datasets", "IterableDataset"): (
        "a Hugging Face IterableDataset, whose rows cannot be chosen by number",
        "the sequences of one column: [row['NAME'] for row in {x}]",
    ),
    ("datasets", "DatasetDict"): (
        "a Hugging Face DatasetDict, which holds several data sets",
        "a column of one of them, {x}['train']['NAME']",
    ),
    ("pandas", "GroupBy"): (
        "a pandas GroupBy, which has groups and no rows",
        "a list with a sequence for each group: [group.to_numpy() for _, group in {x}]",
    ),
    ("polars", "GroupBy"): (
        "a polars GroupBy, which has groups and no rows",
        "a list with a sequence for each group: [group['NAME'] for _, group in {x}], after "
        "group_by(..., maintain_order=True)",
    ),
    ("pyarrow", "RecordBatchReader"): (
        "a pyarrow RecordBatchReader, which can be read once",
        "{x}.read_all()",
    ),
    ("pyarrow", "Dataset"): ("a pyarrow Dataset, which is not read yet", "{x}.to_table()"),
}


def packages_of(X: Any) -> frozenset[str]:
    """Return the names of the packages that the class of X, and those it inherits from, are of."""
    kind: Any = type(X)
    return frozenset(package for package, _ in _classes(kind))


def refuse_container(X: Any, name: str) -> None:
    """Raise a DataFormatError if X, called ``name`` in the message, is one of those above."""
    kind: Any = type(X)
    for known in _classes(kind):
        if known in REMEDIES:
            what, remedy = REMEDIES[known]
            raise DataFormatError(
                f"{name} is {what}. Pass {remedy.format(x=name if name.isidentifier() else 'row')}."
            )


@lru_cache(maxsize=128)
def _classes(kind: type) -> tuple[tuple[str, str], ...]:
    """Package and name of a class and of those it inherits from, the nearest first."""
    return tuple((str(base.__module__).partition(".")[0], base.__name__) for base in kind.__mro__)
