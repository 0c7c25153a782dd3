"""The `.ts` reader against sktime's reader, against files written here, and on faulty files."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqlearn.datasets import data_home, read_ts, ucr
from seqlearn.errors import DataFormatError, SeqlearnError


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines to a file and returns its path."""

    def write_lines(*lines: str) -> Path:
        path = tmp_path / "problem.ts"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write_lines


# Against sktime


@pytest.mark.slow
@pytest.mark.parametrize("name", ["JapaneseVowels", "BasicMotions"])
@pytest.mark.parametrize("part", ["TRAIN", "TEST"])
def test_reads_what_sktime_reads(name, part):
    path = ucr._find_folder(name) / f"{name}_{part}.ts"
    X, y = read_ts(path)
    with warnings.catch_warnings():  # sktime's imports and pandas code warn; our own call does not
        warnings.simplefilter("ignore")
        from sktime.datasets import load_from_tsfile

        expected, expected_y = load_from_tsfile(str(path), return_data_type="df-list")
    assert len(X) == len(expected)
    for ours, theirs in zip(X, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.to_numpy())
    assert [label.lower() for label in y] == list(expected_y)  # sktime lowers the case of labels


def test_reads_the_regression_problem_of_the_data_home():
    home = data_home()
    if home is None or not (home / "tser_covid3month").is_dir():
        pytest.skip("needs the folder tser_covid3month in $SEQLEARN_DATA")
    X, y = read_ts(home / "tser_covid3month" / "Covid3Month_TRAIN.ts")
    assert X.shape == (140, 84)
    assert y.shape == (140,) and y.dtype == np.float64


# The form of X


def test_equal_length_univariate_is_two_dimensional(write):
    X, y = read_ts(write("@classLabel true a b", "@data", "1,2,3:a", "4,5,6:b"))
    np.testing.assert_array_equal(X, [[1, 2, 3], [4, 5, 6]])
    assert X.dtype == np.float64 and X.flags.c_contiguous
    assert y.tolist() == ["a", "b"]


def test_equal_length_multivariate_has_channels_last(write):
    X, _ = read_ts(write("@classLabel false", "@data", "1,2,3:10,20,30", "4,5,6:40,50,60"))
    np.testing.assert_array_equal(X, [[[1, 10], [2, 20], [3, 30]], [[4, 40], [5, 50], [6, 60]]])


def test_unequal_lengths_are_a_list(write):
    X, _ = read_ts(write("@classLabel false", "@data", "1,2:10,20", "3:30"))
    assert isinstance(X, list)
    np.testing.assert_array_equal(X[0], [[1, 10], [2, 20]])
    np.testing.assert_array_equal(X[1], [[3, 30]])


def test_unequal_univariate_keeps_the_channel_axis(write):
    X, _ = read_ts(write("@classLabel false", "@data", "1,2", "3"))
    assert [x.shape for x in X] == [(2, 1), (1, 1)]


def test_header_decides_where_the_data_leave_it_open(write):
    X, _ = read_ts(write("@equalLength false", "@classLabel false", "@data", "1,2", "3,4"))
    assert isinstance(X, list) and X[0].shape == (2, 1)
    X, _ = read_ts(write("@univariate false", "@classLabel false", "@data", "1,2", "3,4"))
    assert X.shape == (2, 2, 1)


# The labels


def test_targets_are_numbers(write):
    X, y = read_ts(write("@targetLabel true", "@data", "1,2:0.5", "3,4:-2e3", "5,6:?"))
    assert X.shape == (3, 2)
    np.testing.assert_array_equal(y, [0.5, -2000.0, np.nan])


def test_targets_beside_an_absent_class(write):
    _, y = read_ts(write("@classLabel false", "@targetLabel true", "@data", "1,2:3"))
    np.testing.assert_array_equal(y, [3.0])


def test_without_labels_y_is_none(write):
    X, y = read_ts(write("@classLabel false", "@data", "1,2", "3,4"))
    assert X.shape == (2, 2)
    assert y is None


def test_class_labels_need_no_list_and_keep_their_case(write):
    _, y = read_ts(write("@classlabel TRUE", "@data", "1: Up", "2:down"))
    assert y.tolist() == ["Up", "down"]


def test_a_class_may_hold_brackets(write):
    X, y = read_ts(write("@classLabel true", "@data", "1,2:(low, mid]", "3,4:(mid, high]"))
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])
    assert y.tolist() == ["(low, mid]", "(mid, high]"]


@pytest.mark.parametrize("value", [1.7976931348623157e308, -5e-324, 123456.0])
def test_the_largest_and_smallest_numbers_are_read(value, write):
    X, y = read_ts(write("@targetLabel true", "@data", f"1,{value!r}:{value!r}"))
    assert X[0, 1] == value and y[0] == value


# The text


def test_comments_empty_lines_case_and_spaces_are_passed_over(tmp_path):
    path = tmp_path / "spaced.ts"
    path.write_bytes(
        b"\xef\xbb\xbf# a byte order mark, and carriage returns\r\n\r\n"
        b"  @PROBLEMNAME  Any  thing\r\n@Missing false\r\n"
        b"@UniVariate TRUE\r\n@classLABEL true x\r\n"
        b"@DATA\r\n# between\r\n 1 , 2.5 : x \r\n\r\n3,-4e-1:x"
    )
    X, y = read_ts(str(path))
    np.testing.assert_array_equal(X, [[1, 2.5], [3, -0.4]])
    assert y.tolist() == ["x", "x"]


def test_missing_values_become_nan(write):
    X, _ = read_ts(write("@missing true", "@classLabel false", "@data", "1,?,NaN", "nan, ? ,2"))
    np.testing.assert_array_equal(X, [[1, np.nan, np.nan], [np.nan, np.nan, 2]])


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.booleans())


@st.composite
def problems(draw):
    """Draw (cases of shape (T_i, F), labels or None); half of the draws have equal lengths."""
    n_samples, n_channels, equal = draw(SHAPES)
    length = st.just(draw(st.integers(1, 6))) if equal else st.integers(1, 6)
    values = st.floats(allow_infinity=False)
    X = [
        draw(arrays(np.float64, (draw(length), n_channels), elements=values))
        for _ in range(n_samples)
    ]
    label = st.from_regex(r"[abcXYZ019_+.é-]([abcXYZ019_ .é-]{0,3}[abcXYZ])?", fullmatch=True)
    return X, draw(st.none() | st.lists(label, min_size=n_samples, max_size=n_samples))


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_what_was_written_is_read_back(problem, tmp_path_factory):
    X, labels = problem
    lines = ["@classLabel " + ("false" if labels is None else "true"), "@data"]
    for i, x in enumerate(X):
        channels = [",".join("?" if np.isnan(v) else repr(float(v)) for v in c) for c in x.T]
        lines.append(":".join(channels + ([] if labels is None else [labels[i]])))
    path = tmp_path_factory.getbasetemp() / "round_trip.ts"
    path.write_text("\n".join(lines), encoding="utf-8")

    read_X, read_y = read_ts(path)

    assert len(read_X) == len(X)
    assert isinstance(read_X, list) == (len({len(x) for x in X}) > 1)
    for ours, x in zip(read_X, X, strict=True):
        np.testing.assert_array_equal(ours.reshape(x.shape), x)
    assert (read_y is None) if labels is None else (read_y.tolist() == labels)


# The faults: (lines, what the message must hold); the first line of a file is line 1

HEAD = ("@classLabel true a b", "@data")
STAMPED = r"line 3: .*'\(.*time stamps are not supported.*'1.5,2.5' for"
FAULTS = {
    "no data line": (["@classLabel true a"], "no line '@data'"),
    "empty file": ([""], "no line '@data'"),
    "no case": ([*HEAD, "# nothing"], "no case follows"),
    "data before @data": (["@classLabel false", "1,2,3"], "line 2: before the line '@data'"),
    "no word on labels": (
        ["@univariate true", "@data", "1:a"],
        "line 2: the header states neither",
    ),
    "two labels": (["@classLabel true a", "@targetLabel true"], "line 2: a second label"),
    "no boolean": (["@univariate"], "line 1: @univariate must be .* got nothing"),
    "bad boolean": (["# c", "@equalLength yes"], "line 2: @equallength must be .* got yes"),
    "bad number": (["@dimensions two"], "line 1: @dimensions must be .* whole number, got two"),
    "time stamps": (
        ["@timestamps true"],
        "line 1: .*time stamps are not supported.*Write the file",
    ),
    "no label": ([*HEAD, "1,2:a", "1,2,3"], "line 4: a case must end in ':' and its label"),
    "empty label": ([*HEAD, "1,2:"], "line 3: a case must end in ':' and its label"),
    "unknown class": ([*HEAD, "1,2:c"], r"line 3: the class 'c' is not among .* a, b"),
    "target no number": (
        ["@targetLabel true", "@data", "1:x"],
        "line 3: the target must be a number",
    ),
    "an underscore": ([*HEAD, "1,2,1_000:a"], "line 3: channel 1, step 3: '1_000' is not a number"),
    "too large": ([*HEAD, "1,2:1,-1e400:a"], "line 3: channel 2, step 2: '-1e400' .* float64"),
    "infinite": ([*HEAD, "1, inf:a"], "line 3: channel 1, step 2: 'inf'"),
    "an underscore in a target": (["@targetLabel true", "@data", "1,2:1_0"], "target .*'1_0'"),
    "too large a target": (["@targetLabel true", "@data", "1,2:1e400"], "target .*'1e400'"),
    "undeclared time stamps": ([*HEAD, "(0,1.5),(1,2.5):a"], STAMPED),
    "undeclared dates": ([*HEAD, "(2020-01-01 00:00:00,1.5),(2020-01-02 00:00:00,2):a"], STAMPED),
    "stamps of one channel": ([*HEAD, "1,2:(0,1.5),(1,2.5):a"], STAMPED),
    "stamps, and no label": ([*HEAD, "(2020-01-01 00:00:00,1.5)"], STAMPED),
    "denied time stamps": (["@timestamps false", *HEAD, "(0,1):a"], STAMPED.replace("3", "4")),
    "word": ([*HEAD, "1,2:3,x:a"], "line 3: channel 2, step 2: 'x' is not a number"),
    "half missing": ([*HEAD, "1,2?:a"], r"line 3: channel 1, step 2: '2\?' is not a number"),
    "trailing comma": ([*HEAD, "1,2,:a"], "line 3: channel 1, step 3: '' is not a number"),
    "no values": ([*HEAD, ":a"], "line 3: channel 1, step 1: '' is not a number"),
    "header after data": ([*HEAD, "1:a", "@missing true:a"], "line 4: .*'@missing true' is not"),
    "ragged channels": ([*HEAD, "", "1,2:3:a"], "line 4: the channels .* got lengths 2, 1.*Fill"),
    "channel missing": (
        [*HEAD, "1:2:a", "1:a"],
        "line 4: this case has 1 channels, .* first has 2",
    ),
    "wrong dimensions": (
        ["@dimensions 3", *HEAD, "1:2:a"],
        "line 4: .* 2 channels, .* header says 3",
    ),
    "not univariate": (["@univariate true", *HEAD, "1:2:a"], "line 4: .*this case has 2 channels"),
    "not equal": (
        ["@equalLength true", *HEAD, "1,2:a", "1:a"],
        "line 5: .* 1 steps .* first has 2",
    ),
    "wrong length": (
        ["@seriesLength 3", *HEAD, "1,2:a"],
        "line 4: .*@seriesLength 3.* has 2 steps",
    ),
}


@pytest.mark.parametrize(("lines", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named_with_file_and_line(write, lines, message):
    path = write(*lines)
    with pytest.raises(DataFormatError, match=message) as caught:
        read_ts(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, SeqlearnError)


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "problem.ts"
    path.write_bytes(b"\x1f\x8b\x08 a gzip header")
    with pytest.raises(DataFormatError, match="not UTF-8 text"):
        read_ts(path)


def test_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_ts(tmp_path / "absent.ts")
