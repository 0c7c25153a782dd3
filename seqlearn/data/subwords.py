"""`Subwords`: byte-pair encoding, which cuts words into pieces that occur often.

Learning joins, again and again, the two neighbouring pieces that occur together most often; cutting
does the same joins in the same order. Pieces are text, not bytes: a character that was never seen
stays a piece of its own. What number each piece has is the business of `seqlearn.data.vocabulary`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import fsum
from typing import Any

import numpy as np

from seqlearn.data.plain import Record
from seqlearn.data.texts import combining_marks
from seqlearn.errors import InvalidParameterError

__all__ = ["Subwords"]

MIN_FREQUENCY = 2  # a pair that occurs less often is not joined
KEPT_WORDS, KEPT_LENGTH = 200_000, 64  # the cuts of how many words, of which length, are kept


@cache
def _parts() -> re.Pattern[str]:
    """Compile what no piece goes beyond: a word, a number, a run of signs, white space.

    The matches make up the text. One space before a word, a number or signs belongs to them.
    """
    letter, mark = r"[^\W\d]", rf"(?!\s){combining_marks()}"  # a space is told sooner by \\s
    word = rf" ?{letter}+(?:(?:(?:{mark})+|['\u2019](?={letter})){letter}*)*"
    return re.compile(rf"{word}| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s")


class Subwords(Record):
    r"""The joins of a byte-pair encoding, in the order in which they are made.

    A text is first divided, in the manner of GPT-2, into words with the space before them, numbers,
    runs of punctuation, and white space; no piece goes beyond one of these. Apostrophes between
    letters belong to the word. Each part then starts as single characters (code points), and of
    all pairs of neighbours the one that was learned first is joined, until no known pair is left.

    Parameters
    ----------
    characters : str
        The C distinct characters that were seen; they are pieces 0 to C - 1.
    merges : array-like of shape (M, 2), int
        Numbers of the two pieces that are joined to piece C + m. Use `learn` to choose them.

    Attributes
    ----------
    characters : str
        As given.
    merges : ndarray of shape (M, 2), int32
        As given; read-only.
    pieces : tuple of str
        The distinct pieces: characters first, then the others in the order they were learned in.

    References
    ----------
    Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units"
    (2016).

    Examples
    --------
    >>> subwords = Subwords.learn(["low lower lowest", "new newer newest"], size=16)
    >>> subwords
    <Subwords: 16 pieces, 9 of them characters>
    >>> subwords.cut("the lowest\tslot")
    ['t', 'h', 'e', ' lowe', 's', 't', '\t', 's', 'lo', 't']
    >>> subwords.join(subwords.cut("the lowest\tslot"))
    'the lowest\tslot'
    """

    def __init__(self, characters: str, merges: Any):
        self.characters = characters
        self.merges = np.array(merges, dtype=np.int32).reshape(-1, 2)
        self._index()

    def _index(self) -> None:
        self.merges.setflags(write=False)
        names, ranks = list(self.characters), {}
        for rank, (left, right) in enumerate(self.merges.tolist()):
            ranks[names[left], names[right]] = rank
            names.append(names[left] + names[right])
        self.pieces = tuple(dict.fromkeys(names))
        self._ranks: dict[tuple[str, str], int] = ranks
        self._kept: dict[str, list[str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        codes = np.array(list(map(ord, self.characters)), dtype=np.int32)
        return {"codes": codes, "merges": self.merges}  # JSON would join surrogates

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.characters = "".join(map(chr, state["codes"].tolist()))
        self.merges = state["merges"]
        self._index()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Subwords):
            return NotImplemented
        same = self.characters == other.characters
        return same and np.array_equal(self.merges, other.merges)

    def __hash__(self) -> int:
        return hash((self.characters, self.merges.tobytes()))

    def __repr__(self) -> str:
        n_characters = len(self.characters)
        return f"<Subwords: {len(self.pieces)} pieces, {n_characters} of them characters>"

    @classmethod
    def learn(cls, texts: Sequence[str], size: int, weights: Any = None) -> "Subwords":
        """Learn pieces until there are ``size`` of them, or no pair occurs twice.

        The result does not depend on the order of the texts. Of pairs that are equally frequent,
        the first by code points is joined.

        Parameters
        ----------
        texts : sequence of N str
            What to learn from.
        size : int
            The number of distinct pieces wanted, single characters included. Every character of the
            texts is a piece, also where they are more than ``size``.
        weights : array-like of shape (N,), optional
            For how many texts each stands, not negative; a text of weight 0 is not looked at.

        Returns
        -------
        Subwords

        Raises
        ------
        InvalidParameterError
            When ``size`` is not an integer of 1 or more.

        Examples
        --------
        >>> Subwords.learn(["aab aab"], size=5).pieces
        (' ', 'a', 'b', 'aa', 'aab')
        """
        if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
            raise InvalidParameterError(
                f"size={size!r} is not accepted: give how many pieces to learn, an integer of 1 or "
                "more, such as 3000."
            )
        words = _count_words(texts, weights)
        characters = sorted(set().union(*words)) if words else []
        return cls("".join(characters), _Joining(characters, words).join_until(int(size)))

    def cut(self, text: str) -> list[str]:
        """Return the pieces of a text, which joined are the text again.

        Parameters
        ----------
        text : str
            Any text; what is in it need not have been seen.

        Returns
        -------
        list of str
            Empty for the empty text.
        """
        pieces: list[str] = []
        kept = self._kept
        for word in _parts().findall(text):
            known = kept.get(word)
            if known is None:
                known = self._cut_word(word)
                if len(word) <= KEPT_LENGTH:
                    if len(kept) >= KEPT_WORDS:
                        kept.clear()
                    kept[word] = known
            pieces += known
        return pieces

    def join(self, pieces: Iterable[str]) -> str:
        """Return the text that pieces make up.

        Parameters
        ----------
        pieces : iterable of str
            What `cut` returned, or any other pieces.

        Returns
        -------
        str
        """
        return "".join(pieces)

    def _cut_word(self, word: str) -> list[str]:
        """Join the pair that was learned first, the leftmost of equal ones, until there is none."""
        ranks, pieces, n = self._ranks, list(word), len(word)
        after, before = list(range(1, n + 1)), list(range(-1, n - 1))
        waiting = [
            (ranks[pair], i, *pair) for i, pair in enumerate(pairwise(pieces)) if pair in ranks
        ]
        heapify(waiting)
        while waiting:
            _, i, left, right = heappop(waiting)
            j = after[i]
            if pieces[i] != left or j == n or pieces[j] != right:
                continue  # one of the two has been joined with another since
            pieces[i], pieces[j] = left + right, ""
            after[i] = end = after[j]
            if end < n:
                before[end] = i
            for start in (before[i], i):
                stop = after[start] if start >= 0 else n
                if stop < n and (pair := (pieces[start], pieces[stop])) in ranks:
                    heappush(waiting, (ranks[pair], start, *pair))
        return [piece for piece in pieces if piece]


def _count_words(texts: Sequence[str], weights: Any) -> dict[str, float]:
    """Return the parts of all texts, sorted, with how often they occur; sums are exact."""
    find = _parts().findall
    if weights is None:
        counts: defaultdict[str, int] = defaultdict(int)
        for text in texts:
            for word in find(text):
                counts[word] += 1
        return dict(sorted(counts.items()))
    parts: defaultdict[str, list[float]] = defaultdict(list)
    for text, weight in zip(texts, np.asarray(weights, np.float64).tolist(), strict=True):
        if weight > 0:
            for word in find(text):
                parts[word].append(weight)
    return {word: fsum(found) for word, found in sorted(parts.items())}


class _Joining:
    """All words laid end to end as linked pieces, with counts and places of every pair.

    A join looks at the places of its pair alone, so that all joins together cost about as much as
    there are characters in the distinct words.
    """

    def __init__(self, characters: list[str], words: dict[str, float]):
        codes = {character: code for code, character in enumerate(characters)}
        self.codes, self.names = codes, characters.copy()
        self.pieces: list[int] = []  # the code of each place, -1 where it was joined to the left
        self.before: list[int] = []  # the place of the piece to the left, -1 at the begin of a word
        self.after: list[int] = []
        self.weights: list[float] = []
        self.counts: defaultdict[tuple[int, int], float] = defaultdict(int)
        self.places: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for word, weight in words.items():
            first, n = len(self.pieces), len(word)
            self.pieces += [codes[character] for character in word]
            self.before += [-1, *range(first, first + n - 1)]
            self.after += [*range(first + 1, first + n), -1]
            self.weights += [weight] * n
            for place, pair in enumerate(pairwise(self.pieces[first:]), first):
                self.counts[pair] += weight
                self.places[pair].append(place)
        self.waiting = list(map(self._entry, self.counts))
        heapify(self.waiting)

    def _entry(self, pair: tuple[int, int]) -> tuple[float, str, str, tuple[int, int]]:
        left, right = pair
        return -self.counts[pair], self.names[left], self.names[right], pair

    def join_until(self, size: int) -> list[tuple[int, int]]:
        """Return the pairs joined, in their order, until ``size`` distinct pieces are known."""
        merges: list[tuple[int, int]] = []
        numbers = {code: code for code in range(len(self.names))}  # of the join that made a piece
        n_numbers, joined = len(self.names), set()
        while self.waiting and len(self.names) < size:
            count, *_, pair = heappop(self.waiting)
            now = self.counts.get(pair, 0)
            if now < MIN_FREQUENCY:
                continue
            if now != -count:  # the entry is old
                heappush(self.waiting, self._entry(pair))
                continue
            name = self.names[pair[0]] + self.names[pair[1]]
            code = self.codes.setdefault(name, len(self.names))
            if code == len(self.names):
                self.names.append(name)
            if pair not in joined:  # else the same join once more, of a piece made in another way
                joined.add(pair)
                merges.append((numbers[pair[0]], numbers[pair[1]]))
                numbers.setdefault(code, n_numbers)
                n_numbers += 1
            self._join(pair, code)
        return merges

    def _join(self, pair: tuple[int, int], code: int) -> None:
        """Join a pair wherever it stands, from left to right, and count its new neighbours."""
        pieces, before, after, counts = self.pieces, self.before, self.after, self.counts
        left, right = pair
        changed = set()
        for i in sorted(self.places.pop(pair)):
            j = after[i]
            if pieces[i] != left or j < 0 or pieces[j] != right:
                continue
            weight, start, end = self.weights[i], before[i], after[j]
            pieces[i], pieces[j] = code, -1
            after[i] = end
            if start >= 0:
                counts[pieces[start], left] -= weight
                new = (pieces[start], code)
                counts[new] += weight
                self.places[new].append(start)
                changed.add(new)
            if end >= 0:
                before[end] = i
                counts[right, pieces[end]] -= weight
                new = (code, pieces[end])
                counts[new] += weight
                self.places[new].append(i)
                changed.add(new)
        counts.pop(pair, None)
        for new in changed:
            heappush(self.waiting, self._entry(new))
