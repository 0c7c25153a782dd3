"""What a user with a type checker writes; mypy and pyright check it, nobody runs it."""

# mypy: disallow-untyped-calls, warn-return-any, warn-unused-ignores
# pyright: standard, reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

import numpy as np

import seqlearn
from seqlearn import (
    BiLSTMTagger,
    Frames,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMLanguageModel,
    LSTMRecommender,
    LSTMRegressor,
    LSTMTranscriber,
    LSTMTranslator,
    Sequences,
    SktimeLSTMAnomalyDetector,
    Words,
)
from seqlearn.backend import Backend
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.preprocessing import (
    MelFeatures,
    SequenceEncoder,
    SequenceImputer,
    SequenceScaler,
    StrokeFeatures,
    Tokenizer,
)


def use(X: list[np.ndarray], y: np.ndarray, texts: list[str], tags: list[list[str]]) -> str:
    """Train and ask each kind of estimator."""
    core: Backend = TorchLSTM(forget_bias=0.5)
    SequenceScaler().fit(X).save("a file")
    classifier: LSTMClassifier = LSTMClassifier(hidden_size=8, backend=core).fit(X, y)
    assert_type(classifier.predict_proba(X), np.ndarray)
    assert_type((classifier.n_features_in_, classifier.input_kind_), tuple[int, str])
    assert_type(SequenceScaler().fit(X).feature_names_in_, np.ndarray)
    LSTMClassifier(missing="mask", time_column="hour").fit(X, y)
    regressor: LSTMRegressor = LSTMRegressor(device="cpu").fit(X, y, sample_weight=np.ones(len(X)))
    regressor.score(X, y)
    counts: list[np.ndarray] = classifier.attribute(X, "occlusion", baseline="zero")
    assert_type(classifier.gates(X, layer=0), dict[str, list[np.ndarray]])
    seqlearn.SaliencyDisplay.from_attributions(counts[0], title="what counts")
    shown_fit: seqlearn.HistoryDisplay = seqlearn.HistoryDisplay.from_estimator(regressor)
    features: np.ndarray = SequenceEncoder().fit(SequenceScaler().fit(X).transform(X)).transform(X)
    words: list[list[str]] = Tokenizer().fit(texts).transform(texts)
    spoken = MelFeatures(8000, mfcc=True, deltas=True).fit(X).transform(X)
    assert_type(StrokeFeatures(spacing=0.2).fit(X).transform(X), list[np.ndarray])
    assert_type(seqlearn.datasets.read_wav("a.wav").waveform, np.ndarray)
    classifier.fit(spoken, seqlearn.datasets.fetch_fsdd(part="train").digits)
    quality: float = BiLSTMTagger(words=Words(lowercase=True)).fit(words, tags).score(words, tags)
    language: LSTMLanguageModel = LSTMLanguageModel(unit="word").fit(texts)
    assert_type(language.score(texts), float)
    assert_type(language.sample(2, prefix="To be", top_p=0.9), list)
    recommender: LSTMRecommender = LSTMRecommender(loss="bpr_max").fit(words)
    assert_type(recommender.recommend(words, k=5), tuple[np.ndarray, np.ndarray])
    translator: LSTMTranslator = LSTMTranslator("word", num_beams=5).fit(texts, words)
    assert_type(translator.log_likelihood(texts, words), np.ndarray)
    transcriber: LSTMTranscriber = LSTMTranscriber("word", stack=3).fit(X, texts)
    assert_type(transcriber.predict_log_proba(X), list[np.ndarray])
    transcriber.predict_timings(X, step_seconds=0.01)[0].append(("a", 0.0, 1.0))
    seqlearn.TranscriptionDisplay.from_estimator(transcriber, X[0], kind="path")
    forecaster: LSTMForecaster = LSTMForecaster(hidden_size=8).fit(features, fh=[1, 2])
    shown: seqlearn.displays.ForecastDisplay = seqlearn.ForecastDisplay.from_estimator(
        forecaster, features
    )
    detector: LSTMAnomalyDetector = LSTMAnomalyDetector("forecast", window=16).fit(X)
    assert_type(detector.anomaly_scores(X), list[np.ndarray])
    assert_type(detector.anomaly_intervals(X)[0][0], tuple[int, int, float])
    assert_type((detector.threshold_, detector.score(X, X)), tuple[float, float])
    stream: seqlearn.streaming.Stream = classifier.stream(n_streams=2)
    assert_type(stream.step_proba(X[0][:2]), np.ndarray)
    assert_type(stream.reset([1]).n_steps, np.ndarray)
    stream.state = seqlearn.stream(classifier, 2).state
    adapter: SktimeLSTMAnomalyDetector = SktimeLSTMAnomalyDetector(window=16).fit(y)
    adapter.update(y).predict_alarms(y)
    seqlearn.AnomalyDisplay.from_scores(y, y, threshold=0.5)
    seqlearn.RiskDisplay.from_estimator(classifier, X[0], X, y, n_bins=5)
    clips, _, directions = seqlearn.datasets.make_moving_digits(8)
    video: LSTMClassifier = LSTMClassifier(frames=Frames(size=8)).fit(clips, directions)
    assert_type(video.attribute(clips, "saliency"), list[np.ndarray])
    seqlearn.FramesDisplay.from_estimator(video, clips[0])
    held: Sequences = seqlearn.to_sequences(X)
    stays = seqlearn.datasets.fetch_physionet2012("test")
    held = seqlearn.events_to_sequences(stays.events, every=1.0, span=48, ids=stays.ids)
    held = seqlearn.add_static(SequenceScaler(clip=5.0).fit(held).transform(held), stays.static)
    held = SequenceImputer("mean").fit(held).transform(held)
    trusted: list[str] = seqlearn.trusted_types()
    names: dict[str, str] = seqlearn.registry.available_backends()
    seqlearn.metrics.span_f1_score(tags, tags)
    assert_type(seqlearn.metrics.word_error_rate(texts, texts), float)
    assert_type(seqlearn.metrics.character_error_rate(texts, texts), float)
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
