"""Tables of sequences in scikit-learn's hands: names and tables out of pipelines and columns."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from seqlearn import LSTMClassifier, SequenceEncoder, to_sequences
from seqlearn.preprocessing import SequenceNormalizer, SequenceScaler, Tokenizer

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

rng = np.random.default_rng(0)
LENGTHS = [3, 5, 1, 4, 2, 6]
Y = [0, 1] * 3
P, Q = ([rng.normal(3, 2, n) for n in LENGTHS] for _ in range(2))
WIDE = [rng.normal(3, 2, (n, 3)) for n in LENGTHS]
SMALL = {"hidden_size": 4, "max_epochs": 1, "random_state": 0}
TRANSFORMERS = [SequenceScaler, SequenceNormalizer]


def frame(dtype=np.float64):
    columns = {"p": P, "q": Q, "x": WIDE}
    columns = {name: [cell.astype(dtype) for cell in cells] for name, cells in columns.items()}
    return pd.DataFrame(columns | {"age": np.arange(6.0)}, index=[7, 8, 9, 9, 2, 1])


def expected(Transformer, cells):
    """What becomes of plain lists of arrays, column by column."""
    return Transformer().fit_transform([np.reshape(cell, (len(cell), -1)) for cell in cells])


def assert_cells(found, Transformer, cells):
    wanted = expected(Transformer, cells)
    for cell, old, new in zip(found, cells, wanted, strict=True):
        np.testing.assert_allclose(np.array(np.asarray(cell).tolist()), new.reshape(old.shape))


@pytest.mark.parametrize("Transformer", TRANSFORMERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tables_come_back_as_they_were(Transformer, dtype):
    table = frame(dtype)[["p", "x", "q"]]
    transformer = Transformer()
    found = transformer.fit_transform(table)
    assert type(found) is pd.DataFrame
    assert found.columns.tolist() == ["p", "x", "q"]
    assert found.index.tolist() == table.index.tolist()
    assert {cell.dtype for cell in found.to_numpy().flat} == {np.dtype(dtype)}
    for name in found:
        wanted = expected(Transformer, table[name])
        for cell, old, new in zip(found[name], table[name], wanted, strict=True):
            assert cell.shape == old.shape
            np.testing.assert_allclose(cell, new.reshape(old.shape), rtol=1e-5)
    assert (transformer.n_features_in_, transformer.get_feature_names_out().tolist()) == (
        3,
        ["p", "x", "q"],
    )


@pytest.mark.parametrize("Transformer", TRANSFORMERS)
def test_tables_of_polars_and_arrow_and_objects_come_back_as_they_were(Transformer):
    columns = {"p": [cell.tolist() for cell in P], "q": [cell.tolist() for cell in Q]}
    for X in (pl.DataFrame(columns), pa.table(columns)):
        found = Transformer().fit_transform(X)
        assert type(found) is type(X)
        assert (found.columns if isinstance(X, pl.DataFrame) else found.column_names) == ["p", "q"]
        assert_cells(found["p"].to_numpy(), Transformer, P)
        assert_cells(found["q"].to_numpy(), Transformer, Q)
    objects = Transformer().fit_transform(frame()[["p", "x"]].to_numpy())
    assert (type(objects), objects.shape) == (np.ndarray, (6, 2))
    assert_cells(objects[:, 1], Transformer, WIDE)
    for column in (frame()["x"], pl.Series("x", [cell.tolist() for cell in WIDE])):
        found = Transformer().fit_transform(column)
        assert (type(found), found.name) == (type(column), "x")
        assert_cells(list(map(np.array, found.to_list())), Transformer, WIDE)
    assert Transformer().fit_transform(frame()["x"]).index.tolist() == frame().index.tolist()
    assert type(Transformer().fit_transform(pa.array(columns["p"]))) is pa.ListArray
    inner = pd.Series([pd.DataFrame({"p": p, "q": q}) for p, q in zip(P, Q, strict=True)])
    assert [row.shape for row in Transformer().fit_transform(inner)] == [(n, 2) for n in LENGTHS]
    one = Transformer().fit_transform(pd.DataFrame({"a": [cell[:, None] for cell in P]}))
    assert one["a"].iloc[0].shape == (3, 1)
    twice = frame()[["p", "q"]].set_axis(["a", "a"], axis=1)
    assert_cells(Transformer().fit_transform(twice).iloc[:, 1], Transformer, Q)


def test_there_and_back():
    scaler = SequenceScaler()
    table = frame()[["p", "x"]]
    back = scaler.inverse_transform(scaler.set_output(transform="polars").fit_transform(table))
    assert type(back) is pl.DataFrame
    np.testing.assert_allclose(to_sequences(back).values, to_sequences(table).values)
    assert type(scaler.inverse_transform(table)) is pd.DataFrame


@pytest.mark.parametrize("Transformer", TRANSFORMERS)
@pytest.mark.parametrize("form", ["pandas", "polars"])
def test_set_output_gives_tables_of_sequences(Transformer, form):
    kind = pd.DataFrame if form == "pandas" else pl.DataFrame
    table = frame()[["p", "q"]]
    named = [pd.DataFrame({"p": p, "q": q}) for p, q in zip(P, Q, strict=True)]
    for X in (table, pl.DataFrame(table.to_dict("list")), named, to_sequences(table)):
        transformer = Transformer().set_output(transform=form)
        for found in (transformer.fit_transform(X), transformer.transform(X)):
            assert type(found) is kind
            assert list(found.columns) == ["p", "q"]
            assert_cells(found["p"], Transformer, P)
            assert_cells(found["q"], Transformer, Q)
    assert Transformer().set_output(transform="pandas").fit_transform(table).index[0] == 7
    with config_context(transform_output=form):
        assert list(Transformer().fit_transform(table["p"]).columns) == ["p"]
        assert list(Transformer().fit_transform(pd.Series(P)).columns) == ["x0"]


@pytest.mark.parametrize("form", ["default", "pandas", "polars"])
def test_scalers_in_a_column_transformer(form):
    columns = make_column_transformer(
        (SequenceScaler(), ["p", "x"]),
        (make_pipeline(SequenceNormalizer(), SequenceScaler()), ["q"]),
    ).set_output(transform=form)
    found = columns.fit_transform(frame())
    names = ["sequencescaler__p", "sequencescaler__x", "pipeline__q"]
    assert columns.get_feature_names_out().tolist() == names
    if form != "default":
        assert list(found.columns) == names
    found = np.asarray(found)
    assert found.shape == (6, 3)
    assert_cells(found[:, 0], SequenceScaler, P)
    assert_cells(found[:, 1], SequenceScaler, WIDE)
    plain = LSTMClassifier(**SMALL).fit(to_sequences(pd.DataFrame(found)), Y)
    model = make_pipeline(columns, LSTMClassifier(**SMALL)).fit(frame(), Y)
    again = plain.predict_proba(to_sequences(pd.DataFrame(found)))
    np.testing.assert_array_equal(model.predict_proba(frame()), again)
    assert model[-1].n_features_in_ == 3


ENCODERS = {
    "alone": SequenceEncoder(**SMALL),
    "behind a scaler": make_pipeline(SequenceScaler(), SequenceEncoder(**SMALL)),
    "of a classifier": SequenceEncoder(LSTMClassifier(**SMALL, bidirectional=False)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("columns", [["x"], ["p", "q"], "x", "p"])
def test_encoders_in_a_column_transformer(name, columns):
    X = frame().reset_index(drop=True)  # of a column alone, scikit-learn 1.7 drops the index
    out = [f"{part}sequenceencoder{i}" for part in ["e__"] for i in range(4)] + ["r__age"]
    cells = X[[columns] if isinstance(columns, str) else columns]
    vectors = ENCODERS[name].fit_transform(to_sequences(cells), Y)
    for form in ("default", "pandas", "polars"):
        transformer = ColumnTransformer(
            [("e", ENCODERS[name], columns), ("r", "passthrough", ["age"])]
        ).set_output(transform=form)
        found = transformer.fit_transform(X, Y)
        assert transformer.get_feature_names_out().tolist() == out
        if form != "default":
            assert list(found.columns) == out
        np.testing.assert_array_equal(np.asarray(found)[:, :4], vectors)
        np.testing.assert_array_equal(np.asarray(found)[:, 4], np.arange(6.0))
        make_pipeline(transformer, LogisticRegression()).fit(X, Y).predict(X)


def test_a_column_of_equal_lengths_has_names_too():
    X = pd.DataFrame({"p": [np.arange(4.0) + i for i in range(6)]})
    for columns in ("p", ["p"]):
        union = FeatureUnion([("a", SequenceEncoder(**SMALL)), ("b", SequenceEncoder(**SMALL))])
        transformer = ColumnTransformer([("e", union, columns)]).set_output(transform="pandas")
        names = [f"e__{part}__sequenceencoder{i}" for part in "ab" for i in range(4)]
        assert transformer.fit_transform(X).columns.tolist() == names


def test_texts_of_a_column_become_named_columns():
    X = pd.DataFrame({"text": ["good film", "bad"] * 3, "age": np.arange(6.0)})
    encoder = SequenceEncoder(LSTMClassifier(**SMALL))
    columns = ColumnTransformer(
        [("t", make_pipeline(Tokenizer(), encoder), "text")], remainder="passthrough"
    ).set_output(transform="pandas")
    names = [f"t__sequenceencoder{i}" for i in range(8)] + ["remainder__age"]
    assert columns.fit_transform(X, Y).columns.tolist() == names


def test_names_asked_of_a_table_are_checked():
    scaler = SequenceScaler().fit(frame()[["p", "q"]])
    assert scaler.get_feature_names_out(["p", "q"]).tolist() == ["p", "q"]
    for wrong in (["q", "p"], ["p"]):
        with pytest.raises(ValueError, match="input_features"):
            scaler.get_feature_names_out(wrong)
    assert SequenceScaler().fit(frame()["x"]).get_feature_names_out(["x"]).tolist() == ["x"]
    unnamed = SequenceScaler().fit(frame()[["p", "q"]].to_numpy())
    assert unnamed.get_feature_names_out().tolist() == ["x0", "x1"]


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize(
    "X",
    [
        frame()[["p", "q"]],
        frame()["p"],
        pl.Series("p", [cell.tolist() for cell in P]),
        [pd.DataFrame({"p": p, "q": q}) for p, q in zip(P, Q, strict=True)],
        pd.DataFrame(rng.normal(size=(4, 3)), columns=["a", "b", "c"]),
        rng.normal(size=(4, 3)),
    ],
    ids=["frame", "column", "polars", "frames", "matrix with names", "matrix"],
)
def test_the_inverse_takes_what_transform_gave_without_a_warning(X, output):
    scaler = SequenceScaler().set_output(transform=output).fit(X)
    back = scaler.inverse_transform(scaler.transform(X))
    np.testing.assert_allclose(to_sequences(back).values, to_sequences(X).values)


def test_the_inverse_still_holds_names_and_numbers_against_fit():
    scaler = SequenceScaler().fit(pd.DataFrame(np.eye(3), columns=["a", "b", "c"]))
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.inverse_transform(pd.DataFrame(np.eye(3), columns=["a", "c", "b"]))
    with pytest.raises(ValueError, match="X has 2 features"):
        scaler.inverse_transform(np.ones((3, 2)))
