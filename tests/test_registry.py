"""The registry tested on real distributions: a folder with a .dist-info and a module on sys.path.

Nothing of importlib is replaced: what is found here is found as an installed plugin is. Names are
unlike any plugin's, so that the tests hold whatever else is installed.
"""

import shutil
import sys
from importlib.machinery import PathFinder
from importlib.metadata import distribution

import pytest

from seqlearn import LSTMRegressor
from seqlearn.backend import Backend
from seqlearn.backends.torch_lstm import TorchLSTM
from seqlearn.errors import (
    BackendError,
    BrokenBackendError,
    DuplicateBackendError,
    InvalidBackendError,
    SeqlearnError,
    UnknownBackendError,
)
from seqlearn.registry import available_backends, describe_backend, load_backend, resolve_backend

OWN = distribution("scikit-seqlearn").read_text("entry_points.txt")
GOOD = """
from seqlearn.backend import Backend
from torch import nn

class Zigzag(Backend):
    def __init__(self, teeth=3):
        self.teeth = teeth

    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        return nn.Identity()
"""


def test_built_ins_are_found_through_metadata():
    found = available_backends()
    assert {"torch", "gru", "rnn", "reference"} <= found.keys()
    assert found["torch"].startswith("scikit-seqlearn ")
    assert list(found) == sorted(found)
    assert load_backend("torch") is TorchLSTM


def test_stranger_is_found_loaded_and_resolved(install):
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": GOOD})
    assert available_backends()["zigzag"] == "seqlearn-zigzag 1.0"
    assert "zigzag_core" not in sys.modules  # listing imports nothing

    loaded = load_backend("zigzag")
    assert issubclass(loaded, Backend) and loaded.__module__ == "zigzag_core"
    assert resolve_backend("zigzag").get_params() == {"teeth": 3}

    given = loaded(teeth=5)
    resolved = resolve_backend(given)
    assert resolved is not given and resolved.get_params() == {"teeth": 5}


def test_installed_while_running_is_found(install):
    with pytest.raises(UnknownBackendError):
        load_backend("zigzag")
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": GOOD})
    load_backend("zigzag")


def test_one_distribution_on_two_paths_is_one(install, tmp_path, monkeypatch):
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": GOOD})
    monkeypatch.syspath_prepend(f"{tmp_path}/../{tmp_path.name}/seqlearn-zigzag")
    assert available_backends()["zigzag"] == "seqlearn-zigzag 1.0"
    load_backend("zigzag")


def test_duplicates_name_both_distributions(install):
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": GOOD})
    install("other-zigzag", {"zigzag": "other_zigzag:Zigzag"}, {"other_zigzag": GOOD}, "2.0")
    both = "other-zigzag 2.0 and seqlearn-zigzag 1.0"
    assert available_backends()["zigzag"] == both
    with pytest.raises(DuplicateBackendError, match=f"'zigzag' is claimed by {both}. Uninstall"):
        load_backend("zigzag")
    assert not {"zigzag_core", "other_zigzag"} & sys.modules.keys()


def test_stranger_cannot_replace_torch(install):
    install("seqlearn-zigzag", {"torch": "zigzag_core:Zigzag"}, {"zigzag_core": GOOD})
    both = "scikit-seqlearn .* and seqlearn-zigzag 1.0"
    with pytest.raises(DuplicateBackendError, match=f"'torch' is claimed by {both}"):
        resolve_backend("torch")
    load_backend("gru")  # the others are not concerned
    assert isinstance(resolve_backend(TorchLSTM()), TorchLSTM)  # the way out that it names


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
        ("raise ImportError('needs CUDA 12')", "ImportError: needs CUDA 12"),
        ("def build(:", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("Zigzig = None", "AttributeError: .*no attribute 'Zigzag'"),
    ],
)
def test_broken_import_names_distribution_and_cause(install, source, cause):
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": source})
    assert "zigzag" in available_backends()
    with pytest.raises(BrokenBackendError, match=cause) as failure:
        load_backend("zigzag")
    message = str(failure.value)
    assert "The backend 'zigzag' of seqlearn-zigzag 1.0 could not be imported" in message
    assert "'zigzag_core:Zigzag'" in message and "Reinstall seqlearn-zigzag" in message
    assert type(failure.value.__cause__).__name__ == cause.split(":")[0]
    load_backend("torch")


def test_module_that_is_missing_altogether(install):
    install("seqlearn-zigzag", {"zigzag": "zigzag_nowhere:Zigzag"})
    with pytest.raises(BrokenBackendError, match="No module named 'zigzag_nowhere'"):
        load_backend("zigzag")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Zigzag = object()", "which is not a subclass of seqlearn.backend.Backend"),
        ("class Zigzag: pass", "which is not a subclass of seqlearn.backend.Backend"),
        ("import torch; Zigzag = torch.nn.LSTM", "is <class .*LSTM'>, which is not a subclass"),
        (GOOD + "Zigzag = Zigzag()", r"is Zigzag\(\), which is not a subclass"),
        (
            "from seqlearn.backend import Backend\nclass Zigzag(Backend): pass",
            "has no method build",
        ),
        (
            GOOD.replace(", dropout", ""),
            r"has build\(self, input_size, .*, bidirectional\), which .*'dropout'",
        ),
        (GOOD.replace("dropout", "dropout, heads"), "missing a required .*argument: 'heads'"),
        (GOOD.replace("hidden_size, *", "*"), "too many positional arguments"),
    ],
    ids="object class module instance abstract no_dropout needs_heads no_hidden_size".split(),
)
def test_no_backend_is_refused_with_the_signature(install, source, found):
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": source})
    with pytest.raises(InvalidBackendError, match=found) as failure:
        load_backend("zigzag")
    message = str(failure.value)
    assert "The backend 'zigzag' of seqlearn-zigzag 1.0" in message
    assert "build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout)" in message


def test_more_arguments_with_defaults_are_allowed(install):
    source = GOOD.replace("dropout", "dropout, heads=4, **more")
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": source})
    load_backend("zigzag")


def test_unknown_name_suggests_a_near_one():
    with pytest.raises(UnknownBackendError, match="Did you mean 'torch'") as e:
        resolve_backend("torhc")
    assert "Installed backends: " in str(e.value) and "reference" in str(e.value)
    assert "pip install seqlearn-torhc" in str(e.value)
    with pytest.raises(UnknownBackendError) as failure:
        resolve_backend("qqqq")
    assert "Did you mean" not in str(failure.value)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Let the metadata in an empty folder, which is returned, be all that is installed."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    return tmp_path


def test_without_any_metadata_the_error_says_so(alone):
    with pytest.raises(UnknownBackendError, match="not even seqlearn's own") as failure:
        load_backend("torch")
    assert "python -m pip install -e ." in str(failure.value)


def test_without_the_plugin_its_name_is_unknown(alone):
    """seqlearn alone: its own backends load, "layernorm" is unknown though it may be here."""
    info = alone / "scikit_seqlearn-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-seqlearn\nVersion: 0\n")
    (info / "entry_points.txt").write_text(OWN)
    assert load_backend("rnn").__name__ == "TorchRNN"
    with pytest.raises(UnknownBackendError) as failure:
        load_backend("layernorm")
    answer = str(failure.value)
    assert "There is no backend 'layernorm'." in answer
    assert "Installed backends: gru, reference, rnn, torch" in answer
    assert "python -m pip install seqlearn-layernorm" in answer


def test_what_is_installed_while_a_process_runs_is_found(alone):
    """In a folder that has been read; also one that was read while only half of it was there."""
    for name in ("scikit_seqlearn-0.dist-info", "other-0.dist-info"):
        before = list(available_backends())
        info = alone / name
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name[:5]}\nVersion: 0\n")
        assert list(available_backends()) == before
        entries = OWN if name.startswith("scikit") else "[seqlearn.backends]\nmine = collections:x"
        (info / "entry_points.txt").write_text(entries)
        with pytest.raises(UnknownBackendError):
            load_backend("nothing")
        assert len(available_backends()) > len(before)
    shutil.rmtree(info)
    assert "mine" not in available_backends() and load_backend("rnn").__name__ == "TorchRNN"


@pytest.mark.parametrize("given", [None, 3, Ellipsis, ["torch"]], ids=repr)
def test_neither_name_nor_backend(given):
    with pytest.raises(InvalidBackendError, match="is neither the name of an installed backend"):
        resolve_backend(given)


def test_class_instead_of_object():
    with pytest.raises(InvalidBackendError, match=r"Make an object of it: backend=TorchLSTM\(\)"):
        resolve_backend(TorchLSTM)


def test_object_with_wrong_build():
    class NoDropout(Backend):
        def build(self, input_size, hidden_size, *, num_layers, bidirectional):
            raise NotImplementedError

    with pytest.raises(InvalidBackendError, match=r"backend=NoDropout\(\) has build.*'dropout'"):
        resolve_backend(NoDropout())


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        (UnknownBackendError, ValueError),
        (DuplicateBackendError, ValueError),
        (BrokenBackendError, ImportError),
        (InvalidBackendError, TypeError),
    ],
)
def test_errors_are_also_built_ins(error, built_in):
    assert issubclass(error, built_in)
    assert issubclass(error, BackendError) and issubclass(error, SeqlearnError)


SHAPES = """
from seqlearn.backend import Backend
from torch import nn

class Core(nn.Module):
    output_size = 4

    def forward(self, x, lengths, state=None):
        return {answer}

class Zigzag(Backend):
    def build(self, input_size, hidden_size, *, num_layers, bidirectional, dropout):
        return Core()
"""


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("x", r"rows of shape \(2, 5, 3\) it returned a Tensor of shape \(2, 5, 3\)"),
        ("x, None", r"returned outputs that are a Tensor of shape \(2, 5, 3\). A pair"),
        ("[x, None]", "it returned a list"),
        ("None", "it returned a NoneType"),
        ("(None, x)", "it returned outputs that are a NoneType"),
    ],
)
def test_wrong_shape_in_a_fit_names_distribution_and_rule(install, answer, found):
    source = SHAPES.format(answer=answer)
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": source})
    model = LSTMRegressor(backend="zigzag", random_state=0)
    with pytest.raises(InvalidBackendError, match=found) as failure:
        model.fit([[[1.0, 2.0, 3.0]] * 5] * 2, [0.0, 1.0])
    message = str(failure.value)
    assert "'zigzag' of seqlearn-zigzag 1.0 breaks the rule 'output_shape'" in message
    assert r"of shape (2, 5, 4)" in message
    assert not hasattr(model, "n_features_in_")


def test_a_class_from_elsewhere_in_its_package_is_named_with_its_distribution(install):
    modules = {"zigzag_core": GOOD, "zigzag": "from zigzag_core import Zigzag"}
    install("seqlearn-zigzag", {"zigzag": "zigzag:Zigzag"}, modules)
    install("seqlearn-odd", {"odd": "zigzag/Odd", "bare": "zigzag"})  # looked at, and passed over
    shown = describe_backend(resolve_backend("zigzag"))
    assert shown == "The backend 'zigzag' of seqlearn-zigzag 1.0"


def test_core_that_is_no_module_names_distribution_and_rule(install):
    source = GOOD.replace("nn.Identity()", "3")
    install("seqlearn-zigzag", {"zigzag": "zigzag_core:Zigzag"}, {"zigzag_core": source})
    found = (
        "'zigzag' of seqlearn-zigzag 1.0 breaks the rule 'build': it returned an object of type int"
    )
    with pytest.raises(InvalidBackendError, match=found):
        LSTMRegressor(backend="zigzag").fit([[[1.0]] * 3] * 4, [0.0, 1.0, 2.0, 3.0])
