"""Moving digits: recomputed from the images, and nothing leaks from one part into the other."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from seqlearn.datasets import make_moving_digits
from seqlearn.errors import InvalidParameterError

MOVES = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}
MOVES |= {a + b: (MOVES[a][0], MOVES[b][1]) for a in "NS" for b in "EW"}


def images_of(part, n=800):
    """The images in clips without noise, as bytes: where the digit is, is found by its content."""
    clips, digits, _ = make_moving_digits(n, part=part, noise=0.0, random_state=0)
    data, known = load_digits(), {}
    for image, digit in zip(
        np.rint(data.images / 16 * 255).astype(np.uint8), data.target, strict=False
    ):
        known.setdefault(image.sum(dtype=int), []).append((image, digit))
    found = set()
    for clip, digit in zip(clips, digits, strict=True):
        canvas = np.tile(clip[0], (2, 2))
        for image, label in known[clip[0].sum(dtype=int)]:
            if label == digit and any(
                np.array_equal(canvas[i : i + 8, j : j + 8], image) for i, j in np.ndindex(20, 20)
            ):
                found.add(image.tobytes())
                break
        else:
            raise AssertionError("no image of this digit is on the canvas")
    return found


def test_parts_share_no_image():
    train, test = (images_of(part, 150) for part in ("train", "test"))
    assert train and test and not train & test


def test_every_frame_is_the_one_before_moved_around_the_torus():
    clips, _, directions = make_moving_digits(64, n_frames=5, size=11, noise=0.0, random_state=1)
    assert set(directions) == set(MOVES)
    for clip, direction in zip(clips, directions, strict=True):
        for before, after in itertools.pairwise(clip):
            np.testing.assert_array_equal(np.roll(before, MOVES[direction], (0, 1)), after)


def test_shapes_noise_and_seeds():
    first, digits, directions = make_moving_digits(300, random_state=3)
    again = make_moving_digits(300, random_state=3)
    assert (first.shape, first.dtype) == ((300, 12, 20, 20), np.uint8)
    for one, other in zip((first, digits, directions), again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(digits) == set(range(10))
    bare = make_moving_digits(300, noise=0.0, random_state=3)[0]
    assert (make_moving_digits(300, random_state=4)[0] != first).any()
    assert 0.02 < first[bare == 0].std() / 255 < 0.05  # half of the noise is cut off, at 0


def test_no_single_frame_tells_the_direction():
    clips, _, directions = make_moving_digits(4000, n_frames=1, noise=0.0, random_state=0)
    for direction in MOVES:
        mean = clips[directions == direction].mean(axis=(0, 1))
        assert mean.std() < 6  # as bright everywhere, whatever comes


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_clips": 0},
        {"part": "valid"},
        {"n_frames": 0},
        {"size": 7},
        {"noise": -1.0},
        {"noise": np.nan},
        {"random_state": -1},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
        make_moving_digits(**wrong)
