"""`MelFeatures` against its definition, window by window, in every container, and bad waveforms."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.fft
import skops.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import (
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_set_params,
)

from seqlearn import LSTMClassifier, Sequences, to_sequences, trusted_types
from seqlearn.datasets import Recording
from seqlearn.errors import DataFormatError, InvalidParameterError
from seqlearn.preprocessing import MelFeatures, SequenceNormalizer
from seqlearn.preprocessing import mel_features as module
from seqlearn.preprocessing.mel_bank import hertz_to_mel, mel_bank

RATE = 8000


def noise(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 0.1, length).astype(np.float32) for length in lengths]


# The definition.


def triangle(mel, left, middle, right):
    return max(0.0, min((mel - left) / (middle - left), (right - mel) / (right - middle)))


def by_hand(waveform, mfcc, n_mels=12, n_mfcc=5, hamming=False, pre_emphasis=0.97, scale="htk"):
    """Log energies or coefficients, a window and a band at a time, in float64."""
    top = hertz_to_mel(RATE / 2, scale)
    low = hertz_to_mel(20.0, scale)
    edges = np.linspace(low, top, n_mels + 2)
    n = np.arange(200)
    shape = 0.54 - 0.46 * np.cos(2 * np.pi * n / 200) if hamming else np.sin(np.pi * n / 200) ** 2
    steps = []
    for begin in range(0, len(waveform) - 199, 80):
        frame = waveform[begin : begin + 200].astype(np.float64)
        frame = frame - pre_emphasis * np.append(frame[0], frame[:-1])
        spectrum = np.abs(np.fft.fft(frame * shape, 256)[:129]) ** 2
        mels = hertz_to_mel(np.arange(129) * RATE / 256, scale)
        energies = [
            sum(p * triangle(m, *edges[i : i + 3]) for p, m in zip(spectrum, mels, strict=True))
            for i in range(n_mels)
        ]
        steps.append(np.log(np.maximum(energies, 1e-10)))
    steps = np.array(steps)
    if not mfcc:
        return steps
    k, j = np.arange(n_mfcc)[:, None], np.arange(n_mels)
    cosines = np.cos(np.pi * k * (2 * j + 1) / (2 * n_mels)) * np.sqrt(2 / n_mels)
    cosines[0] /= np.sqrt(2)
    return steps @ cosines.T


@pytest.mark.parametrize("options", [{}, {"hamming": True}, {"pre_emphasis": 0.0}])
@pytest.mark.parametrize("mfcc", [False, True])
@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_a_step_is_what_the_definition_says(mfcc, options, scale):
    waveforms = noise(200, 1000, 279)
    mel = MelFeatures(
        RATE,
        n_mels=12,
        mfcc=mfcc,
        n_mfcc=5,
        window="hamming" if options.get("hamming") else "hann",
        pre_emphasis=options.get("pre_emphasis", 0.97),
        mel_scale=scale,
        normalize=None,
    )
    for waveform, found in zip(waveforms, mel.transform(waveforms), strict=True):
        expected = by_hand(waveform, mfcc, scale=scale, **options)
        assert found.shape == expected.shape and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_mel_scales_as_published():
    # HTK book, (5.13), and Slaney's Auditory Toolbox: 13 linear bands of 200/3 Hz, then 27 a
    # factor of 6.4.
    np.testing.assert_allclose(hertz_to_mel([700, 4000], "htk"), [781.17, 2146.06], atol=0.01)
    found = hertz_to_mel([0, 200, 1000, 6400, 1000 * 6.4 ** (1 / 27)], "slaney")
    np.testing.assert_allclose(found, [0, 3, 15, 42, 16], atol=1e-9)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_bands_are_triangles_that_add_up_to_one_between_the_outer_middles(scale):
    bank = mel_bank(10, 512, RATE, 100.0, 3800.0, scale).toarray()
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    mels = hertz_to_mel(hertz, scale)
    edges = np.linspace(*hertz_to_mel([100.0, 3800.0], scale), 12)
    inside = (mels >= edges[1]) & (mels <= edges[-2])
    np.testing.assert_allclose(bank[:, inside].sum(axis=0), 1, atol=1e-6)
    assert not bank[:, (hertz <= 100) | (hertz >= 3800)].any() and bank.min() >= 0
    expected = [[triangle(m, *edges[i : i + 3]) for m in mels] for i in range(10)]
    np.testing.assert_allclose(bank, expected, atol=1e-6)


def test_the_spectrum_keeps_the_energy_of_a_window():
    # Parseval: what is in all frequencies is 256 times what is in the weighted samples.
    (waveform,) = noise(200)
    mel = MelFeatures(RATE, pre_emphasis=0.0, normalize=None)
    identity = np.eye(129, dtype=np.float32)
    with np.errstate(all="raise"):
        power = np.exp(mel._log_mel(waveform, np.array([0]), identity))[0]
    twice = np.r_[1, np.full(127, 2), 1]
    shape = np.sin(np.pi * np.arange(200) / 200) ** 2
    assert twice @ power == pytest.approx(256 * ((waveform * shape) ** 2).sum(), rel=1e-4)


def test_coefficients_are_the_cosine_transform_of_the_bands():
    X = noise(900)
    mel = MelFeatures(RATE, n_mels=20, normalize=None)
    bands = mel.transform(X)[0]
    found = clone(mel).set_params(mfcc=True, n_mfcc=7).transform(X)[0]
    np.testing.assert_allclose(found, scipy.fft.dct(bands, norm="ortho")[:, :7], atol=1e-5)
    every = clone(mel).set_params(mfcc=True, n_mfcc=20).transform(X)[0]
    np.testing.assert_allclose((every**2).sum(axis=1), (bands**2).sum(axis=1), rtol=1e-5)


def test_deltas_are_slopes_of_five_steps_with_the_ends_repeated():
    X = noise(1000, 200, 500)
    mel = MelFeatures(RATE, n_mels=6, normalize=None)
    plain = mel.transform(X)
    found = clone(mel).set_params(deltas=2).transform(X)
    for row, one in zip(plain, found, strict=True):
        expected = row
        for i in range(1, 3):
            padded = np.pad(expected, ((2, 2), (0, 0)), mode="edge")
            weights = np.arange(-2, 3)
            expected = np.stack([weights @ padded[t : t + 5] / 10 for t in range(len(row))])
            np.testing.assert_allclose(one[:, 6 * i : 6 * i + 6], expected, atol=1e-4)
    assert np.array_equal(clone(mel).set_params(deltas=True).transform(X)[0], found[0][:, :12])


def test_utterances_are_normalized_as_by_the_normalizer():
    X = noise(1000, 4000)
    mel = MelFeatures(RATE, mfcc=True, deltas=True)
    expected = SequenceNormalizer().fit_transform(
        clone(mel).set_params(normalize=None).transform(X)
    )
    for one, row in zip(mel.transform(X), expected, strict=True):
        np.testing.assert_allclose(one, row, atol=1e-5)
    louder = mel.transform([7 * x for x in X])
    for one, row in zip(mel.transform(X), louder, strict=True):
        np.testing.assert_allclose(one, row, atol=1e-3)


def test_silence_has_finite_features():
    X = [np.zeros(1000), np.r_[np.zeros(1000), noise(1000)[0]], np.zeros(200)]
    for normalize in ("utterance", None):
        mel = MelFeatures(RATE, mfcc=True, deltas=2, normalize=normalize)
        assert all(np.isfinite(row).all() for row in mel.transform(X))
    assert not MelFeatures(RATE).transform(X)[0].any()
    assert (MelFeatures(RATE, normalize=None).transform(X)[0] == np.log(np.float32(1e-10))).all()


def test_a_tone_is_in_its_band():
    mel = MelFeatures(RATE, n_mels=30, normalize=None)
    edges = np.linspace(*hertz_to_mel([20.0, 4000.0], "htk"), 32)
    time = np.arange(1600) / RATE
    for hertz in (300, 1000, 3000):
        band = mel.transform([np.sin(2 * np.pi * hertz * time)])[0].mean(axis=0).argmax()
        assert abs(edges[band + 1] - hertz_to_mel(hertz, "htk")) <= edges[1] - edges[0]


# Blocks and containers.


@settings(max_examples=20)
@given(lengths=st.lists(st.integers(200, 3000), min_size=1, max_size=6), block=st.integers(1, 30))
def test_blocks_and_neighbours_make_no_difference(lengths, block):
    X = noise(*lengths)
    mel = MelFeatures(RATE, n_mels=8, mfcc=True, n_mfcc=4, deltas=1)
    together = mel.transform(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        apart = mel.transform(X)
    for i, length in enumerate(lengths):
        assert together[i].shape == (1 + (length - 200) // 80, 8)
        np.testing.assert_allclose(apart[i], together[i], atol=1e-4)
        np.testing.assert_allclose(mel.transform([X[i]])[0], together[i], atol=1e-4)


def test_a_long_recording_is_computed_in_pieces():
    waveform = np.zeros(50 * 60 * RATE, dtype=np.int16)  # 48 MB, of windows 240
    waveform[::7] = 5
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        as_float = module.as_float
        patch.setattr(module, "as_float", lambda x: seen.append(len(x)) or as_float(x))
        features = MelFeatures(RATE, n_mels=4, hop_seconds=0.1, normalize=None).transform(
            [waveform]
        )
    assert features[0].shape == (30_000, 4) and max(seen) <= 1024 * 800


def test_containers_come_back_as_they_were():
    X = noise(900, 500)
    mel = MelFeatures(RATE, n_mels=6)
    expected = mel.transform(X)

    def same(found):
        return all(map(np.array_equal, found, expected)) and len(found) == 2

    assert type(expected) is list and same(mel.fit_transform(X))
    packed = np.empty(2, dtype=object)
    packed[:] = X
    assert mel.transform(packed).dtype == object and same(mel.transform(packed))
    held = to_sequences([x[:, None] for x in X])
    assert isinstance(mel.transform(held), Sequences) and same(mel.transform(held))
    for container in (
        [x.tolist() for x in X],
        [torch.from_numpy(x) for x in X],
        [x[:, None] for x in X],
        tuple(X),
        pd.Series(X),
        [pd.Series(x) for x in X],
    ):
        found = mel.transform(container)
        assert type(found) is list and same(found)
    array = np.stack(noise(500, 500, 500))
    cube = mel.transform(array)
    assert cube.shape == (3, 4, 6) and cube.dtype == np.float32
    assert np.array_equal(cube, mel.transform(array[:, :, None]))
    assert np.array_equal(cube, mel.transform(list(array)))
    assert np.array_equal(cube, mel.transform(pd.DataFrame(array)))
    assert np.array_equal(mel.transform(array[:, :300])[0], mel.transform([array[0, :300]])[0])


def test_integers_are_scaled():
    (x,) = noise(800)
    mel = MelFeatures(RATE, normalize=None)
    expected = mel.transform([x])[0]
    for dtype, scale, shift in ((np.int16, 2**15, 0), (np.int32, 2**31, 0), (np.uint8, 128, 128)):
        integers = np.clip(
            np.round(x.astype(np.float64) * scale + shift), 0 if shift else None, None
        )
        found = mel.transform([integers.astype(dtype)])[0]
        np.testing.assert_allclose(found, expected, atol=1.0 if shift else 0.02)


def test_the_input_is_not_modified():
    X = noise(500)
    before = X[0].copy()
    MelFeatures(RATE).transform(X)
    assert np.array_equal(X[0], before)


# Refusals.


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (noise(500, 199), r"Sequence 1 of X has 199 samples, but a window of MelFeatures has 200"),
        (noise(100, 500, 90), "Sequences 0 and 2 of X have 90 and 100 samples"),
        ([np.zeros((500, 2))], r"shape \(500, 2\), 2 channels.*waveform.mean\(axis=1\), or one"),
        ([np.zeros((2, 500), np.int16)], r"mean\(axis=0\).astype\(waveform.dtype\).*waveform\[0\]"),
        ([np.zeros((500, 2, 2))], r"has shape \(500, 2, 2\)"),
        (np.zeros((2, 500, 2)), "2 channels"),
        ([[0.0] * 300, [0.0] * 250 + [np.nan] * 2], "Sequence 1 of X contains NaN, at samples 250"),
        ([[0.0] * 300 + [np.inf]], "Sequence 0 of X contains infinity, at sample 300"),
        ([[0.0] * 300 + [None]], "Sequence 0 of X contains NaN, at sample 300"),
        ([[0.0] * 300 + [1e15]], "sample of size 1e.15"),
        ([[0] * 300], "Sequence 0 of X is of int64, and how loud 1 is.*dtype=np.int16"),
        ([np.zeros(300, bool)], "is of bool"),
        ([np.zeros(300, complex)], "is of complex128"),
        (np.zeros(300), r"one sequence of numbers.*Pass a single waveform as \[waveform\]"),
        ([0.0] * 300, r"Pass a single waveform as \[waveform\]"),
        ([], "X holds no waveforms"),
        (["digit.wav"], r"is 'digit.wav', a str, not a waveform.*read_wav"),
        ([["a"] * 300], "Sequence 0 of X is of <U1|does not hold numbers"),
        ("digit.wav", "a str; MelFeatures accepts a list of N waveforms"),
        (None, "a NoneType; MelFeatures accepts"),
        (Recording(noise(500)[0], RATE), r"named tuple of 'waveform' and.*Pass.*X.waveform\."),
        ([np.ma.masked_array(np.zeros(300), np.arange(300) > 250)], "mask"),
        ([torch.zeros(2, 300)], "2 channels"),
    ],
)
def test_waveforms_that_are_refused(X, message):
    for method in ("fit", "transform"):
        with pytest.raises(DataFormatError, match=message):
            getattr(MelFeatures(RATE), method)(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sample_rate": 0}, "'sample_rate' parameter of MelFeatures must be samples a second"),
        ({"sample_rate": "8k"}, "Got '8k'"),
        ({"sample_rate": True}, "Got True"),
        ({"sample_rate": float("nan")}, "Got nan"),
        ({"sample_rate": 50}, "two samples or more at 50 a second"),
        ({"n_mels": 0}, "integer of 1 or more"),
        ({"n_mels": 8.5}, "integer of 1 or more"),
        ({"n_mels": 200}, "'n_mels'.*each band holds a frequency.*31.25 Hz; [0-9]+ of them"),
        ({"f_min": -1}, "from 0 to 4000"),
        ({"f_max": 5000}, "half of sample_rate, or None. Got 5000"),
        ({"f_min": 300, "f_max": 300}, "below f_max, 300 Hz"),
        ({"window_seconds": 0}, "above 0, in seconds"),
        ({"hop_seconds": 0.00001}, "a sample or more"),
        ({"window": "hanning"}, r"one of \('hann', 'hamming'\). Got 'hanning'"),
        ({"mel_scale": 2}, "one of"),
        ({"pre_emphasis": 1.5}, "from 0 to 1"),
        ({"floor": 0}, "from 1e-30 to 1"),
        ({"mfcc": 1}, "True or False"),
        ({"mfcc": True, "n_mfcc": 41}, "at most n_mels, 40"),
        ({"deltas": 3}, "one of 0, 1, 2"),
        ({"deltas": "yes"}, "one of 0, 1, 2"),
        ({"normalize": True}, "'utterance' or None. Got True"),
    ],
)
def test_parameters_that_are_refused(parameters, message):
    mel = MelFeatures(**{"sample_rate": RATE} | parameters)
    for method in ("fit", "transform"):
        with pytest.raises(InvalidParameterError, match=message):
            getattr(mel, method)(noise(500))


# In scikit-learn's hands.


def test_the_sample_rate_has_no_default():
    with pytest.raises(TypeError, match="sample_rate"):
        MelFeatures()
    for check in (check_get_params_invariance, check_no_attributes_set_in_init, check_set_params):
        check("MelFeatures", MelFeatures(RATE))


def test_names_of_the_values_of_a_step():
    X = noise(500)
    for parameters in ({}, {"mfcc": True, "deltas": 2}, {"n_mels": 8, "deltas": True}):
        mel = MelFeatures(RATE, **parameters)
        names = mel.get_feature_names_out()
        assert len(set(names)) == mel.transform(X)[0].shape[1]
    assert MelFeatures(RATE, mfcc=True, n_mfcc=2, deltas=2).get_feature_names_out().tolist() == [
        f"{prefix}mfcc{i}" for prefix in ("", "delta_", "delta2_") for i in (0, 1)
    ]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_output_is_the_same_whatever_is_asked_for(library):
    X = noise(500, 600)
    with config_context(transform_output=library):
        assert type(MelFeatures(RATE).fit_transform(X)) is list
    assert type(MelFeatures(RATE).set_output(transform=library).transform(X)) is list


def test_pipelines_searches_and_saved_models():
    X, y = noise(*[500, 700, 300, 900] * 3), np.arange(12) % 2
    pipe = make_pipeline(
        MelFeatures(RATE, n_mels=8), LSTMClassifier(hidden_size=3, max_epochs=1, random_state=0)
    )
    grid = {"melfeatures__mfcc": [False, True], "melfeatures__n_mfcc": [3]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.predict(X[:1]).shape == (1,)
    pipe.fit(X, y)
    loaded = skops.io.loads(skops.io.dumps(pipe), trusted=trusted_types())
    for again in (pickle.loads(pickle.dumps(pipe)), loaded):
        assert np.array_equal(again.predict_proba(X), pipe.predict_proba(X))
