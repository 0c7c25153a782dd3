"""What a user with a type checker writes; mypy and pyright check it, nobody runs it."""

# mypy: disallow-untyped-calls, warn-return-any, warn-unused-ignores
# pyright: standard, reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

import numpy as np

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranslator,
    Sequences,
    SktimeLSTMAnomalyDetector,
    Words,
)
from seqlearn.backend import Backend
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.preprocessing import SequenceEncoder, SequenceScaler, Tokenizer


def use(X: list[np.ndarray], y: np.ndarray, texts: list[str], tags: list[list[str]]) -> str:
    """Train and ask each kind of estimator."""
    core: Backend = TorchLSTM(forget_bias=0.5)
    classifier: LSTMClassifier = LSTMClassifier(hidden_size=8, backend=core).fit(X, y)
    assert_type(classifier.predict_proba(X), np.ndarray)
    assert_type((classifier.n_features_in_, classifier.input_kind_), tuple[int, str])
    assert_type(SequenceScaler().fit(X).feature_names_in_, np.ndarray)
    regressor: LSTMRegressor = LSTMRegressor(device="cpu").fit(X, y, sample_weight=np.ones(len(X)))
    regressor.score(X, y)
    counts: list[np.ndarray] = classifier.attribute(X, "occlusion", baseline="zero")
    assert_type(classifier.gates(X, layer=0), dict[str, list[np.ndarray]])
    seqlearn.SaliencyDisplay.from_attributions(counts[0], title="what counts")
    shown_fit: seqlearn.HistoryDisplay = seqlearn.HistoryDisplay.from_estimator(regressor)
    features: np.ndarray = SequenceEncoder().fit(SequenceScaler().fit(X).transform(X)).transform(X)
    words: list[list[str]] = Tokenizer().fit(texts).transform(texts)
    quality: float = BiLSTMTagger(words=Words(lowercase=True)).fit(words, tags).score(words, tags)
    language: LSTMLanguageModel = LSTMLanguageModel(unit="word").fit(texts)
    assert_type(language.score(texts), float)
    assert_type(language.sample(2, prefix="To be", top_p=0.9), list)
    recommender: LSTMRecommender = LSTMRecommender(loss="bpr_max").fit(words)
    assert_type(recommender.recommend(words, k=5), tuple[np.ndarray, np.ndarray])
    translator: LSTMTranslator = LSTMTranslator("word", num_beams=5).fit(texts, words)
    assert_type(translator.log_likelihood(texts, words), np.ndarray)
    forecaster: LSTMForecaster = LSTMForecaster(hidden_size=8).fit(features, fh=[1, 2])
    shown: seqlearn.displays.ForecastDisplay = seqlearn.ForecastDisplay.from_estimator(
        forecaster, features
    )
    detector: LSTMAnomalyDetector = LSTMAnomalyDetector("forecast", window=16).fit(X)
    assert_type(detector.anomaly_scores(X), list[np.ndarray])
    assert_type(detector.anomaly_intervals(X)[0][0], tuple[int, int, float])
    assert_type((detector.threshold_, detector.score(X, X)), tuple[float, float])
    adapter: SktimeLSTMAnomalyDetector = SktimeLSTMAnomalyDetector(window=16).fit(y)
    adapter.update(y).predict_alarms(y)
    seqlearn.AnomalyDisplay.from_scores(y, y, threshold=0.5)
    held: Sequences = seqlearn.to_sequences(X)
    trusted: list[str] = seqlearn.trusted_types()
    names: dict[str, str] = seqlearn.registry.available_backends()
    seqlearn.metrics.span_f1_score(tags, tags)
    assert_type(seqlearn.metrics.vus_pr_score(y, y, 10), float)
    assert_type(seqlearn.metrics.chrf_score(texts, texts, word_order=2), float)
    pairs: list[str] = seqlearn.datasets.fetch_tatoeba(part="test").sources + words[0]
    folds = seqlearn.model_selection.TimeSplit(y).split(X)
    assert_type(seqlearn.metrics.mrr_scorer(20)(classifier, next(folds)), float)
    seqlearn.testing.backend_checks("torch")
    seqlearn.datasets.make_noisy_sines(60, 30)
    try:
        classifier.predict(X)
    except seqlearn.errors.SeqlearnError as error:
        return f"{error} {quality} {shown} {shown_fit} {held} {trusted} {names} {pairs}"
    return seqlearn.__version__


def misspell() -> None:
    """Each line is an error, else the checkers say that its comment is needless."""
    from seqlearn import LSTMClasifier  # type: ignore[attr-defined] # noqa: F401
    from seqlearn.preprocessing import Scaler  # type: ignore # noqa: F401

    seqlearn.datasetz  # type: ignore[attr-defined] # noqa: B018
    LSTMClassifier(hiden_size=8)  # type: ignore[call-arg]
