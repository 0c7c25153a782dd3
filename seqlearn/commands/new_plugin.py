"""``python -m seqlearn new-plugin NAME``: the folder of a distribution with one new backend.

What is written works as it is: a minimal gated unit in plain torch, whose equations the author
replaces, its registration, and a test that holds the contract up to it. The texts are the files of
the folder `plugin`; ``$name`` and the like stand in them for names.
"""

import re
from pathlib import Path
from string import Template

from seqlearn.errors import InvalidParameterError

__all__ = ["new_plugin", "plugin_files"]

TEMPLATES = Path(__file__).parent / "plugin"


def new_plugin(name: str, folder: str | Path = ".") -> int:
    """Write the folder ``seqlearn-NAME`` below ``folder`` and print what to do next.

    Parameters
    ----------
    name : str
        Name of the backend: lower-case letters, digits and single hyphens, a letter first.
    folder : str or Path
        Where the new folder is made.

    Returns
    -------
    int
        0, the exit status.

    Raises
    ------
    InvalidParameterError
        The name has another form, an installed backend has it, or the folder is there already.
    """
    from seqlearn.registry import available_backends

    files = plugin_files(name)
    taken = available_backends().get(name)
    if taken:
        raise InvalidParameterError(
            f"The backend name {name!r} is taken by {taken}; two distributions cannot share one."
        )
    target = Path(folder) / f"seqlearn-{name}"
    if target.exists():
        raise InvalidParameterError(
            f"{target} exists already; nothing was written. Choose another name or folder."
        )
    for path, text in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
        print(f"wrote {target / path}")
    print(
        f"\nnext:\n"
        f"  python -m pip install -e {target}\n"
        f"  python -m seqlearn backends --check {name}\n"
        f"  python -m pytest {target}"
    )
    return 0


def plugin_files(name: str) -> dict[str, str]:
    """Return the text of each file of a plugin by its path in the folder.

    Raises
    ------
    InvalidParameterError
        ``name`` has another form.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InvalidParameterError(
            f"A backend's name consists of lower-case letters, digits and single hyphens, a letter "
            f"first, for example 'relu' or 'min-gru'. Got {name!r} instead."
        )
    module = "seqlearn_" + name.replace("-", "_")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    templates = {
        "pyproject.toml": "pyproject.toml.txt",
        f"{module}.py": "module.py.txt",
        f"tests/test_{module.removeprefix('seqlearn_')}.py": "test.py.txt",
        "README.md": "README.md.txt",
    }
    names = {"name": name, "module": module, "class_name": class_name}
    return {
        path: Template((TEMPLATES / file).read_text(encoding="utf-8")).substitute(names)
        for path, file in templates.items()
    }
