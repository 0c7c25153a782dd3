"""Wav files of every width, and the spoken digits: written by hand, faulty ones, the real ones."""

import re
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlearn.datasets import data_home, fetch_fsdd, read_wav
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError


def write(path, samples, n_bytes=2, rate=8000, n_channels=1):
    """Write integers as a wav file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shift = 128 if n_bytes == 1 else 0
    data = b"".join(
        (s + shift).to_bytes(n_bytes, "little", signed=n_bytes > 1) for s in map(int, samples)
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((n_channels, n_bytes, rate, 0, "NONE", None))
        file.writeframes(data)
    return path


@given(
    n_bytes=st.integers(1, 4),
    n_channels=st.integers(1, 3),
    n=st.integers(0, 9),
    seed=st.integers(0, 100),
)
def test_samples_come_back_divided_by_the_largest(tmp_path_factory, n_bytes, n_channels, n, seed):
    top = 2 ** (8 * n_bytes - 1)
    samples = np.random.default_rng(seed).integers(-top, top, size=(n, n_channels))
    samples[:1], samples[1:2] = -top, top - 1
    path = tmp_path_factory.getbasetemp() / "any.wav"
    write(path, samples.ravel(), n_bytes, 44100, n_channels)
    waveform, rate = read_wav(str(path))
    assert rate == 44100 and waveform.dtype == np.float32
    assert waveform.shape == ((n,) if n_channels == 1 else (n, n_channels))
    np.testing.assert_allclose(waveform.reshape(n, n_channels), samples / top, atol=1e-7)
    assert np.abs(waveform).max(initial=0) <= 1


def test_files_that_are_no_wav(tmp_path):
    path = tmp_path / "a.wav"
    with pytest.raises(FileNotFoundError):
        read_wav(path)
    for content in (b"", b"RIFF", b"ID3" + bytes(100), b"not a wav file at all, but text"):
        path.write_bytes(content)
        with pytest.raises(DataFormatError, match=r"a\.wav is not a wav file.*ffmpeg"):
            read_wav(path)
    whole = write(path, range(100)).read_bytes()
    path.write_bytes(whole[:-50])
    with pytest.raises(DataFormatError, match=r"ends after 75 samples of the 100"):
        read_wav(path)
    floats = bytearray(whole)
    floats[20:22] = struct.pack("<H", 3)  # the format: floats
    path.write_bytes(floats)
    with pytest.raises(DataFormatError, match="unknown format: 3"):
        read_wav(path)


def home(tmp_path, *names, **options):
    for i, name in enumerate(names):
        write(tmp_path / "fsdd" / "recordings" / name, [i, 0, -1], **options)
    return {"data_home": tmp_path}


def test_digits_as_their_files_say(tmp_path):
    names = ["3_bo_4.wav", "0_bo_10.wav", "0_bo_9.wav", "9_al_0.wav", "notes.txt", "x_y_z.wav"]
    where = home(tmp_path, *names)
    every = fetch_fsdd(**where)
    assert every.speakers.tolist() == ["al", "bo", "bo", "bo"]
    assert every.digits.tolist() == [9, 0, 0, 3] and every.indices.tolist() == [0, 9, 10, 4]
    assert [int(w[0] * 2**15) for w in every.waveforms] == [3, 2, 1, 0]
    assert every.sample_rate == 8000
    assert fetch_fsdd(part="test", **where).indices.tolist() == [0, 4]
    train = fetch_fsdd(part="train", **where)
    assert train.indices.tolist() == [9, 10] and len(train.waveforms) == 2


def test_digits_that_are_refused(tmp_path, monkeypatch):
    for options in ({"rate": 16000}, {"n_channels": 3}):
        where = home(tmp_path, "1_al_7.wav", **options)
        with pytest.raises(DataFormatError, match=r"1_al_7\.wav has .* where 8000 of one"):
            fetch_fsdd(**where)
    with pytest.raises(DatasetNotFoundError, match=r"looked in .*git clone https.*fsdd` \(commit"):
        fetch_fsdd(data_home=tmp_path / "nothing")
    monkeypatch.delenv("SEQLEARN_DATA", raising=False)
    with pytest.raises(DatasetNotFoundError, match=r"\$SEQLEARN_DATA is not set"):
        fetch_fsdd()
    for part in ("valid", "", 0):
        with pytest.raises(InvalidParameterError, match=r"part=.*'train', 'test', or None"):
            fetch_fsdd(part=part)


def test_counts_of_the_real_digits():
    folder = data_home()
    if folder is None or not (folder / "fsdd").is_dir():
        pytest.skip("needs the folder fsdd in $SEQLEARN_DATA")
    every = fetch_fsdd()
    assert len(every.waveforms) == 1500 and set(map(np.ndim, every.waveforms)) == {1}
    lengths = list(map(len, every.waveforms))
    assert (min(lengths), max(lengths)) == (1148, 18262)
    speakers, counts = np.unique(every.speakers, return_counts=True)
    assert speakers.tolist() == ["george", "theo", "yweweler"] and set(counts) == {500}
    assert np.bincount(every.digits).tolist() == [150] * 10
    assert len(fetch_fsdd(part="test").digits) == 150
    assert len(fetch_fsdd(part="train").digits) == 1350
    names = [
        f"{d}_{s}_{i}.wav"
        for d, s, i in zip(every.digits, every.speakers, every.indices, strict=True)
    ]
    listed = (folder / "fsdd" / "SHA256SUMS").read_text()
    assert sorted(names) == sorted(re.findall(r"recordings/(\S+)", listed))
