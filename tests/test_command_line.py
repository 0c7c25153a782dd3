"""``python -m seqlearn``: the list of backends and the demo."""

import re
import subprocess
import sys

import pytest

from seqlearn.__main__ import main
from seqlearn.errors import BackendError
from seqlearn.testing import backend_checks


def test_backends_are_listed_with_their_distribution(capsys):
    status = main(["backends"])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    names = [line.split()[0] for line in lines[1:]]
    assert {"torch", "gru", "rnn", "reference"} <= set(names)
    assert all("scikit-seqlearn" in line for line in lines[1:] if line.startswith("torch"))


def test_a_broken_plugin_is_said_to_be_broken_and_why(install, capsys):
    source = "import a_module_that_is_not_there\n"
    install("seqlearn-sick", {"sick": "seqlearn_sick:Sick"}, {"seqlearn_sick": source}, "3.1")
    status = main(["backends"])
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("sick"))
    assert status == 1
    assert "seqlearn-sick 3.1" in line and "BROKEN" in line
    assert "a_module_that_is_not_there" in line


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "def __init__(self, scale): self.scale = scale",
            "cannot be made without arguments: TypeE",
        ),
        ("def __init__(self): raise ValueError('heads')", "without arguments: ValueError: heads"),
        ("raise SystemExit('no licence')", "could not be imported .*SystemExit: no licence"),
    ],
)
def test_a_class_that_cannot_be_made_is_broken_and_disturbs_no_other(
    install, capsys, source, found
):
    head = "from seqlearn.backends.torch_gru import TorchGRU\nclass Sick(TorchGRU):\n    "
    install(
        "seqlearn-sick", {"a-sick": "seqlearn_sick:Sick"}, {"seqlearn_sick": head + source}, "3.1"
    )
    assert main(["backends"]) == 1
    shown = capsys.readouterr().out
    assert re.search(rf"^a-sick .*BROKEN: .*{found}", shown, re.M) and "\ntorch " in shown
    assert main(["backends", "--check", "a-sick"]) == 1
    assert re.search(f"^error: .*{found}", capsys.readouterr().err)
    with pytest.raises(BackendError, match=found):
        backend_checks("a-sick")


@pytest.mark.slow
def test_the_contract_of_one_backend_is_a_table(capsys):
    assert main(["backends", "--check", "gru"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("The backend 'gru' of scikit-seqlearn ") and "causal=True" in shown
    rules = re.findall(r"^(\w+) +ok +\d+\.\d\d  \S", shown, re.M)
    assert rules == [check.name for check in backend_checks("gru")]


@pytest.mark.slow
def test_a_broken_rule_is_said_with_figures_and_status(install, capsys):
    source = (
        "from seqlearn.backends.torch_gru import TorchGRU\nclass Odd(TorchGRU):\n    causal = 1\n"
    )
    install("seqlearn-odd", {"odd": "seqlearn_odd:Odd"}, {"seqlearn_odd": source}, "3.1")
    assert main(["backends", "--check", "odd"]) == 1
    shown = capsys.readouterr().out
    assert re.search(r"^capabilities +FAILED", shown, re.M) and "1 do not." in shown
    assert "The backend 'odd' of seqlearn-odd 3.1 breaks the rule 'capabilities'" in shown


def test_checking_an_unknown_backend_suggests_a_near_one(capsys):
    assert main(["backends", "--check", "torhc"]) == 1
    assert "Did you mean 'torch'?" in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["dmeo"])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_runs_on_real_data(tmp_path):
    # torch 2.6 leaves a temporary folder of its own to the interpreter's exit.
    strict = ["-W", "error", "-W", "ignore:Implicitly cleaning up:ResourceWarning"]
    command = [sys.executable, *strict, "-m", "seqlearn", "demo", "--jobs", "1"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "JapaneseVowels: 270 sequences to train on, 370 to test" in shown.stdout
    assert "backend   torch (scikit-seqlearn" in shown.stdout
    assert len(re.findall(r"^(torch|gru) +(32|64) +0\.\d{3}", shown.stdout, re.M)) == 4
    assert float(re.search(r"^accuracy +(\d\.\d+)", shown.stdout, re.M).group(1)) > 0.95
    assert re.search(r"^seconds +\d", shown.stdout, re.M)
    assert shown.stderr == ""
    assert list(tmp_path.iterdir()) == []
