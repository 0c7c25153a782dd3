"""The guides in docs: their code runs, and prints the numbers that stand there, or nearly so."""

import doctest
import re
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parent.parent / "docs").glob("*.md"))
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")


class NearlyEqual(doctest.OutputChecker):
    """Accept numbers of trained models that other processors round differently."""

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        if NUMBER.sub("#", want).split() != NUMBER.sub("#", got).split():
            return False
        pairs = zip(NUMBER.findall(want), NUMBER.findall(got), strict=True)
        return all(is_near(float(due), float(found)) for due, found in pairs)


def is_near(due, found):
    """Whether two numbers are within a tenth of 1 and of one size."""
    small, large = sorted((abs(due), abs(found)))
    return abs(due - found) <= 0.1 and (large < 10 * small or 0.01 <= large <= 1)


@pytest.mark.slow
@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_the_code_of_a_guide_runs_and_prints_what_it_says(path, capsys):
    test = doctest.DocTestParser().get_doctest(path.read_text(), {}, path.name, str(path), 0)
    runner = doctest.DocTestRunner(NearlyEqual(), optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test)
    assert runner.failures == 0 and runner.tries > 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("f 0.21\n", "f 0.20\n", True),
        ("f 0.21\n", "f 0.41\n", False),
        ("1e-05 5e-01\n", "2e-05 6e-01\n", True),
        ("1e-05\n", "1e-03\n", False),
        ("0.21\n", "0.21 0.3\n", False),
        ("[16, 37]\n", "[16, 38]\n", False),
        ("True\n", "False\n", False),
    ],
)
def test_numbers_may_differ_a_little_and_words_may_not(want, got, same):
    flags = doctest.NORMALIZE_WHITESPACE
    assert NearlyEqual().check_output(want, got, flags) is same
