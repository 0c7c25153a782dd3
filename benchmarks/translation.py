"""Sentences, pronunciations and extracts, beside what needs no network, and decoding speed.

English to Swedish: Tatoeba, divided by distinct source. BLEU and chrF are sacrebleu's on one row
for each distinct source, with the first translation as the reference, case counts; the
signature stands in the table. "exact" is the share of answers that are one of the translations to
the letter, spaces too, which BLEU does not see. Beside it, the translation of the nearest training
source by TF-IDF of words and pairs of words. Icelandic pronunciations: WikiPron, a word is right
with any pronunciation listed. Fits are timed in process CPU seconds, on all cores.

Copying (`benchmarks.copying`): strings of 3 to 8 symbols, of which half of those tested hold one or
two symbols never seen; names, none of those tested in training; scenes of tinyshakespeare of four
speeches, cut to their first lines, of which those of the speaker named in front are to be
extracted. Beside the extracts stand the first lines of the scene, whoever speaks.

Decoding is greedy, of 1,000 sentences of the training data with at most 8 words, on one thread,
medians of process CPU time. Beside it is a loop by hand (`benchmarks.decoding_loop`) with as many
steps; it is given codes and gives codes, where the translator reads and writes texts. "times" is
how much faster the translator is than that row, and the bar of that.
"""

from collections.abc import Sequence
from typing import Any

import sacrebleu
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.copying import Task, lead, names, names_right, scenes, strings
from benchmarks.decoding_loop import DecodingLoop
from benchmarks.table import Row, print_table
from benchmarks.timing import alternate, cpu_seconds
from seqlearn import LSTMTranslator
from seqlearn.datasets import fetch_tatoeba, fetch_wikipron
from seqlearn.metrics import rouge_l_score, rouge_n_score

SETTINGS: dict[str, dict[str, Any]] = {  # chosen on the parts for validation
    "sentences": {"max_epochs": 20},
    "pronunciations": {
        "hidden_size": 192,
        "embedding_size": 128,
        "dropout": 0.4,
        "batch_size": 32,
        "max_epochs": 25,
        "lr": 0.003,
    },
    "strings": {},
    "names": {"tokenizer": "word", "max_epochs": 5},
    "scenes": {"tokenizer": "word"},
}
SEED = 0
BARS = {"greedy": (41.0, 56.0), "5 beams": (42.5, None)}  # BLEU, chrF
WORD_ERROR_BAR = 0.145
STRING_BARS = {True: ">= .98", False: "< .3 of the unseen"}
SPEED_BAR = 0.8
N_SHORT, SHORT, REPEATS = 1000, 8, 5
ROWS: int | None = None  # a number takes so many pairs of each part, to try the program


def run() -> dict[str, list[Row]]:
    """Measure everything and print one table a subject."""
    results: dict[str, list[Row]] = {}

    def show(title: str, rows: list[Row]) -> None:
        results[title] = rows
        print_table(title, rows)

    translator, rows = sentences()
    show("translation: English to Swedish", rows)
    show("translation: greedy decoding", decoding(translator))
    show("translation: Icelandic pronunciations", pronunciations())
    show("translation: strings to copy", copied_strings())
    show("translation: names never seen", copied_names())
    show("translation: extracts of scenes", extracts())
    return results


# Sentences.


def sentences() -> tuple[LSTMTranslator, list[Row]]:
    """Return the translator that was fitted, and how well it and the nearest source do."""
    train = fetch_tatoeba("eng-swe", part="train")
    X, y = train.sources[:ROWS], train.targets[:ROWS]
    translator = LSTMTranslator(random_state=SEED, **SETTINGS["sentences"])
    fit = cpu_seconds(lambda: translator.fit(X, y))
    nearest = NearestSource(X, y)
    rows = []
    for part in ("valid", "test"):
        sources, references = _by_source(part)
        for name, num_beams in (("greedy", 1), ("5 beams", 5)):
            translator.set_params(num_beams=num_beams)
            answers = translator.predict(sources)
            bars = BARS[name] if part == "test" else (None, None)
            rows.append(_scored(part, f"LSTMTranslator, {name}", answers, references, fit, bars))
        rows.append(_scored(part, "nearest source", nearest.predict(sources), references))
    return translator.set_params(num_beams=1), rows


def _by_source(part: Any) -> tuple[list[str], list[list[str]]]:
    """Return the distinct sources of a part, and all translations of each."""
    pairs = fetch_tatoeba("eng-swe", part=part)
    known: dict[str, list[str]] = {}
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        known.setdefault(source, []).append(target)
    return list(known)[:ROWS], list(known.values())[:ROWS]


def _scored(
    part: str,
    by: str,
    answers: Sequence[str],
    references: list[list[str]],
    fit: float | str = "",
    bars: tuple[float | None, float | None] = (None, None),
) -> Row:
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    first = [[own[0] for own in references]]
    exact = sum(a in own for a, own in zip(answers, references, strict=True)) / len(references)
    return {
        "part": part,
        "by": by,
        "BLEU": round(bleu.corpus_score(answers, first).score, 2),
        "at least": bars[0] or "",
        "chrF": round(chrf.corpus_score(answers, first).score, 2),
        "at least ": bars[1] or "",
        "exact": exact,
        "sources": len(references),
        "fit CPU s": fit,
        "signature": str(bleu.get_signature()),
    }


class NearestSource:
    """Answers with the translation of the training source that shares most with the one given.

    Parameters
    ----------
    X, y : list of str
        Sources and translations.
    """

    def __init__(self, X: list[str], y: list[str]):
        self.tfidf = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
        self.known, self.y = self.tfidf.fit_transform(X), y

    def predict(self, X: list[str]) -> list[str]:
        """Return one translation for each source."""
        cosines = self.tfidf.transform(X) @ self.known.T
        return [self.y[i] for i in cosines.argmax(axis=1).A1]


# Speed.


def decoding(translator: LSTMTranslator) -> list[Row]:
    """Sentences a second of the translator and of a loop by hand with as many steps."""
    torch.set_num_threads(1)
    distinct = dict.fromkeys(fetch_tatoeba("eng-swe", part="train").sources[:ROWS])
    sources = [source for source in distinct if len(source.split()) <= SHORT]
    sources = sources[:: max(len(sources) // N_SHORT, 1)][:N_SHORT]
    shapes = [one.shape for one in translator.attention(sources)]  # of answer and source
    module = translator.net_.module_
    loop = DecodingLoop(
        len(module.input.tokens.weight),
        len(module.head.tokens.weight),
        translator.embedding_size,
        translator.hidden_size,
    ).eval()
    generator = torch.Generator().manual_seed(SEED)
    codes = [torch.randint(100, (n,), generator=generator) for _, n in shapes]
    contenders = {
        "LSTMTranslator": lambda: cpu_seconds(lambda: translator.predict(sources)),
        "by hand": lambda: cpu_seconds(lambda: loop(codes, [n for n, _ in shapes])),
    }
    timings = alternate(contenders, REPEATS)
    ours = timings["LSTMTranslator"].median
    return [
        {
            "by": name,
            "sentences/s": len(sources) / timing.median,
            "spread": timing.spread,
            "times": timing.median / ours,
            "bar": SPEED_BAR if name == "by hand" else "",
        }
        for name, timing in timings.items()
    ]


# Pronunciations.


def pronunciations() -> list[Row]:
    """Share of Icelandic words that are pronounced in no way that is listed."""
    train = fetch_wikipron("isl", part="train")
    pairs = [
        (list(word), phones)
        for word, known in zip(train.words[:ROWS], train.pronunciations[:ROWS], strict=True)
        for phones in known
    ]
    translator = LSTMTranslator(random_state=SEED, **SETTINGS["pronunciations"])
    fit = cpu_seconds(lambda: translator.fit([x for x, _ in pairs], [y for _, y in pairs]))
    rows: list[Row] = []
    for part in ("valid", "test"):
        words, listed = fetch_wikipron("isl", part=part)
        words, listed = words[:ROWS], listed[:ROWS]
        for num_beams in (1, 5):
            translator.set_params(num_beams=num_beams)
            answers = translator.predict([list(word) for word in words])
            wrong = [list(a) not in own for a, own in zip(answers, listed, strict=True)]
            rows.append(
                {
                    "part": part,
                    "beams": num_beams,
                    "word error rate": sum(wrong) / len(wrong),
                    "at most": WORD_ERROR_BAR if part == "test" else "",
                    "words": len(words),
                    "fit CPU s": fit,
                }
            )
    return rows


# Copying.


def copied_strings() -> list[Row]:
    """Share of strings that are given back as they are, with copying and without."""
    task, unseen = strings()
    rows: list[Row] = []
    for copy in (True, False):
        answers, fit = _answers("strings", task, copy=copy)
        exact = [list(a) == y for a, y in zip(answers, task.test_targets, strict=False)]
        known, new = (
            [e for e, u in zip(exact, unseen, strict=False) if u == which]
            for which in (False, True)
        )
        rows.append(
            {
                "copy": copy,
                "all known": sum(known) / len(known) if known else "",
                "with unseen symbols": sum(new) / len(new) if new else "",
                "bar": STRING_BARS[copy],
                "fit CPU s": fit,
            }
        )
    return rows


def copied_names() -> list[Row]:
    """Share of unseen names that are in the translation."""
    task, named = names()
    rows: list[Row] = []
    for label, options in (
        ("words, copied", {"copy": True}),
        ("words", {"copy": False}),
        ("pieces of words", {"copy": False, "tokenizer": "bpe"}),
    ):
        answers, fit = _answers("names", task, **options)
        targets = [task.test_targets[: len(answers)]]
        rows.append(
            {
                "by": label,
                "names right": names_right(answers, named[: len(answers)]),
                "BLEU": round(sacrebleu.BLEU().corpus_score(answers, targets).score, 2),
                "sentences": len(answers),
                "fit CPU s": fit,
            }
        )
    return rows


def extracts() -> list[Row]:
    """ROUGE of what is extracted, and of the first lines of a scene."""
    task = scenes()
    found: dict[str, tuple[list[str], Any]] = {
        "LSTMTranslator, copied": _answers("scenes", task, copy=True),
        "LSTMTranslator": _answers("scenes", task, copy=False),
    }
    for k in (1, 2, 3):
        found[f"lead-{k}"] = [lead(source, k) for source in task.test_sources[:ROWS]], ""
    rows: list[Row] = []
    for name, (answers, fit) in found.items():
        due = task.test_targets[:ROWS]
        rows.append(
            {
                "by": name,
                "ROUGE-1": rouge_n_score(due, answers, n=1),
                "ROUGE-2": rouge_n_score(due, answers, n=2),
                "ROUGE-L": rouge_l_score(due, answers),
                "exact": sum(a == y for a, y in zip(answers, due, strict=True)) / len(due),
                "scenes": len(due),
                "fit CPU s": fit,
            }
        )
    return rows


def _answers(kind: str, task: Task, **options: Any) -> tuple[list, float]:
    """Fit on a task; return what is answered to its test sources, and the CPU seconds of fit."""
    translator = LSTMTranslator(**{"random_state": SEED, **SETTINGS[kind], **options})
    fit = cpu_seconds(lambda: translator.fit(task.sources[:ROWS], task.targets[:ROWS]))
    return list(translator.predict(task.test_sources[:ROWS])), fit
