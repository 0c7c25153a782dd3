"""Tasks that a translator can do only if it copies: strings, names, extracts of scenes.

Strings are to be given back as they are, and some hold symbols that were never seen. Sentences of
Tatoeba get other first names, those of the test part in no training sentence. Scenes are speeches
from tinyshakespeare with a speaker's name in front; the extract is what that speaker says. All is
drawn from fixed seeds. `benchmarks.translation` trains on them and shows the results.
"""

import random
import re
from typing import NamedTuple

from seqlearn.datasets import fetch_tatoeba, fetch_tinyshakespeare

__all__ = ["Task", "lead", "names", "names_right", "scenes", "strings"]

KNOWN, UNSEEN = "abcdefghijklmnopqrst", "ABCDEFGHIJ"  # symbols of strings
N_STRINGS, N_TESTED = 2000, 500
REPLACED = ("Tom", "Mary", "John")  # nearly all first names of the sentences
# None ends in s, so that a Swedish genitive is told from a name.
NAMES = tuple(
    "Adam Agnete Albert Alma Amir Andrea Anton Astrid Beata Bo Carl Clara Dan David Edith "
    "Elin Emil Erik Eva Fatima Felicia Filip Frida Gabriel Greta Gunilla Gustav Hanna Hugo "
    "Ida Ingrid Isak Ivan Jenny Johan Julia Karin Kim Klara Leila Lena Leo Linnea Maja Malin "
    "Martin Mona Nora Olle Oskar Paul Petra Rakel Robin Sara Sofia Stina Sven Tyra Ulla Vera "
    "Viktor Wilma Yusuf".split()
)
TEST_NAMES = tuple(
    "Abdul Agda Bodil Cornelia Ebba Edvin Folke Gerda Hedda Henrik Ivar Judit Kerstin Loke Mehmet "
    "Nanna Orvar Pernilla Rut Selma Torsten Ylva Zelda".split()
)
SPEECHES = 4  # of a scene


class Task(NamedTuple):
    """Pairs to learn from and pairs to test on."""

    sources: list
    targets: list
    test_sources: list
    test_targets: list


def strings() -> tuple[Task, list[bool]]:
    """Return strings to be copied, and which of those tested hold symbols never seen."""
    rng = random.Random(0)

    def draw() -> list[str]:
        return [rng.choice(KNOWN) for _ in range(rng.randint(3, 8))]

    train, test = ([draw() for _ in range(n)] for n in (N_STRINGS, N_TESTED))
    unseen = [i % 2 == 0 for i in range(N_TESTED)]
    for string in test[::2]:
        for place in rng.sample(range(len(string)), rng.randint(1, 2)):
            string[place] = rng.choice(UNSEEN)
    return Task(train, train, test, test), unseen


def names() -> tuple[Task, list[list[str]]]:
    """Return sentences with other first names, and the names of each one tested.

    A sentence is left out if a name stands in it and not in its translation, or the other way; of
    the test part, all without a name are.
    """
    rng = random.Random(0)
    parts, named = [], []
    for part, pool in (("train", NAMES), ("test", TEST_NAMES)):
        pairs = fetch_tatoeba("eng-swe", part=part)
        sources, targets, named = [], [], []
        for texts in zip(pairs.sources, pairs.targets, strict=True):
            found = [[n for n in REPLACED if re.search(rf"\b{n}(s?)\b", t)] for t in texts]
            if found[0] != found[1] or (part == "test" and not found[0]):
                continue
            new = dict(zip(found[0], rng.sample(pool, len(found[0])), strict=True))
            source, target = (_renamed(text, new) for text in texts)
            sources.append(source)
            targets.append(target)
            named.append(list(new.values()))
        parts += [sources, targets]
    return Task(*parts), named


def _renamed(text: str, new: dict[str, str]) -> str:
    return re.sub(rf"\b({'|'.join(REPLACED)})(s?)\b", lambda m: new.get(m[1], m[1]) + m[2], text)


def names_right(predictions: list[str], named: list[list[str]]) -> float:
    """Return the share of names that are in the translation, with a genitive or without."""
    right = [
        re.search(rf"\b{name}s?\b", text) is not None
        for text, own in zip(predictions, named, strict=True)
        for name in own
    ]
    return sum(right) / len(right)


def scenes() -> Task:
    """Return scenes and what one of their speakers says; test scenes are of later plays.

    A scene is four speeches behind one another, of each the speaker and the first line, and in
    front of all the name of one of the speakers, drawn among those that differ. A scene begins at
    each speech in training, at every other one in the test.
    """
    rng = random.Random(0)
    parts = []
    for part, step in (("train", 1), ("test", 2)):
        blocks = fetch_tinyshakespeare(part=part).split("\n\n")
        speeches = [b.split("\n")[:2] for b in blocks if re.match(r"[^\n]+:\n.", b)]
        sources, targets = [], []
        for first in range(0, len(speeches) - SPEECHES + 1, step):
            scene = speeches[first : first + SPEECHES]
            speakers = sorted({speaker for speaker, _ in scene})
            if len(speakers) > 1:
                asked = rng.choice(speakers)
                sources.append("\n".join([asked, *(f"{who} {line}" for who, line in scene)]))
                targets.append(" ".join(line for who, line in scene if who == asked))
        parts += [sources, targets]
    return Task(*parts)


def lead(source: str, k: int) -> str:
    """Return the first k lines of a scene, without who says them."""
    lines = source.split("\n")[1 : k + 1]
    return " ".join(line.partition(": ")[2] for line in lines)
