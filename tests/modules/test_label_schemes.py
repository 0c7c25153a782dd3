"""BIO and BIOES against the span automaton written out, and on labels that are not theirs."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlearn.errors import DataFormatError
from seqlearn.modules.label_schemes import allowed_transitions

KINDS = st.lists(
    st.sampled_from(["per", "creative-work", "B-x", "-", "O", "é"]), unique=True, max_size=3
)


def legal(sequence, scheme):
    """Whether the labels are spans: read them one by one and remember the open span."""
    open_kind = None
    for label in sequence:
        prefix, _, kind = label.partition("-")
        if prefix in ("I", "E"):
            if open_kind != kind:
                return False
        elif scheme == "BIOES" and open_kind is not None:
            return False
        open_kind = kind if prefix in ("B", "I") else None
    return scheme == "BIO" or open_kind is None


@settings(deadline=None)
@given(data=st.data(), scheme=st.sampled_from(["BIO", "BIOES"]), kinds=KINDS)
def test_a_sequence_is_allowed_if_it_is_one_of_spans(data, scheme, kinds):
    labels = ["O", *(f"{p}-{kind}" for kind in kinds for p in scheme if p != "O")]
    labels = data.draw(st.permutations(labels))
    transitions, starts, ends = allowed_transitions(labels, scheme)
    assert transitions.dtype == starts.dtype == ends.dtype == bool
    codes = data.draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, max_size=6))
    allowed = starts[codes[0]] and ends[codes[-1]]
    allowed = allowed and all(transitions[a, b] for a, b in pairwise(codes))
    assert allowed == legal([labels[code] for code in codes], scheme)


@pytest.mark.parametrize(
    ("scheme", "wrong"),
    [
        ("BIO", ["E-per"]),
        ("BIO", ["S-per", "per"]),
        ("BIOES", ["L-per"]),
        ("BIO", ["B"]),
        ("BIO", ["B-"]),
        ("BIO", ["b-per"]),
        ("BIO", ["O-per"]),
        ("BIO", [""]),
        ("BIO", [3]),
        ("BIOES", ["BI-per"]),
    ],
)
def test_labels_of_another_scheme_are_named(scheme, wrong):
    with pytest.raises(DataFormatError, match=f"scheme {scheme}.*'O' and 'B-x', 'I-x'") as error:
        allowed_transitions(["O", "B-loc", *wrong], scheme)
    assert all(repr(label) in str(error.value) for label in wrong)
    assert "B-loc" not in str(error.value)


def test_many_wrong_labels_are_counted():
    with pytest.raises(DataFormatError, match="and 7 more"):
        allowed_transitions([f"label{i}" for i in range(12)], "BIO")


def test_numpy_strings_and_no_labels_are_fine():
    transitions, _, _ = allowed_transitions(np.array(["O", "B-a", "I-a"]), "BIO")
    assert transitions.sum() == 8
    assert allowed_transitions([], "BIOES")[0].shape == (0, 0)
