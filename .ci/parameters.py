"""Write the constructors of the estimators, and the docstrings' entries of shared parameters.

    python .ci/parameters.py            rewrites the sources
    python .ci/parameters.py --check    prints what would change, and exits 1 if anything would

A class says in a comment which parameters its constructor has, in their order::

    # <parameters: decoder network backend training control>
    # </parameters>

Each word is a group or a parameter that the docstring of `seqlearn.estimators.shared_parameters`
describes, or a parameter of the class's own, whose entry in the docstring states type and default;
those before a ``*`` may be given by position. The constructor is written between the two comments.
In the docstring, the entries of shared parameters are written, and the others are left as they are.

A base class that reads parameters of its subclasses names them in such a comment too, or a class
that has them all, and the types of these attributes are written below it::

    # <annotations: training control>
    # </annotations>
"""

import ast
import difflib
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXTS = ROOT / "seqlearn" / "estimators" / "shared_parameters.py"
WIDTH = 100
REGION = re.compile(r"^    # <parameters: (?P<names>[^>]*)>\n.*?^ +# </parameters>\n", re.M | re.S)
ANNOTATIONS = re.compile(
    r"^(?P<mark>    # <annotations: (?P<names>[^>]*)>\n).*?^    # </annotations>\n", re.M | re.S
)
SECTION = re.compile(r"^    Parameters\n    -+\n", re.M)
SECTION_END = re.compile(r"^\n    \S.*\n    -+\n|^    \"\"\"", re.M)
ENTRY = re.compile(r"^    (?P<name>\w+) : (?P<head>.*)\n(?P<text>(?:(?:        .*)?\n)*)", re.M)
HEADING = re.compile(r"^(?P<title>\w+)\n-+\n", re.M)
SHARED_ENTRY = re.compile(r"^(?P<name>\w+) : (?P<head>.*)\n(?P<text>(?:    .*\n)+)", re.M)
PLAIN = {"int", "float", "bool", "str", "dict", "None"}


def described(docstring: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the entries of each section of a docstring: by name, the head and the text."""
    _, *parts = HEADING.split(docstring)
    return {
        title: {
            one["name"]: (one["head"], " ".join(one["text"].split()))
            for one in SHARED_ENTRY.finditer(body + "\n")
        }
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


SECTIONS = described(ast.get_docstring(ast.parse(TEXTS.read_text())))
GROUPS = {title: list(own) for title, own in SECTIONS.items() if title.islower()}
SHARED = {name: entry for title in GROUPS for name, entry in SECTIONS[title].items()}
# What a class has otherwise, by its name.
DIFFERENT = {title: own for title, own in SECTIONS.items() if title not in GROUPS}
del GROUPS["single"]
HEADS: dict[str, dict[str, str]] = {}  # of each class, the type and default of each parameter


def rewritten(source: str) -> str:
    """Return the source of a module with its constructors and entries written anew."""
    return "".join(map(_class, re.split(r"^(?=class )", source, flags=re.M)))


def _class(source: str) -> str:
    """Return the source of one class, and what follows it up to the next, written anew."""
    region, start = REGION.search(source), SECTION.search(source)
    if region is None:
        return source
    name = re.match(r"class (\w+)", source)[1]
    if start is None:
        sys.exit(f"{name}: its docstring has no section Parameters.")
    section = slice(start.end(), SECTION_END.search(source, start.end()).start())
    found = ENTRY.finditer(source[section])
    entries = {one["name"]: one for one in found if ", default=" in one["head"]}
    words = region["names"].replace("#", " ").split()
    names = [one for word in words for one in GROUPS.get(word, [word])]
    stray = entries.keys() - SHARED.keys() - set(names)
    unknown = set(names) - SHARED.keys() - entries.keys() - {"*"}
    if stray or unknown:
        fault = (
            "described, but not listed"
            if stray
            else "listed, but neither shared nor described with a default"
        )
        sys.exit(f"{name}: {', '.join(sorted(stray or unknown))}: {fault}.")
    heads, texts = {}, []
    for one in names:
        if one in SHARED:
            head, text = DIFFERENT.get(name, {}).get(one, SHARED[one])
            indent = " " * 8
            text = textwrap.fill(
                text,
                WIDTH,
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
            )
            heads[one] = head
            texts.append(f"    {one} : {head}\n{text}\n")
        elif one != "*":
            heads[one] = entries[one]["head"]
            texts.append(entries[one][0])
    HEADS[name] = heads
    listed = names if "*" in names else ["*", *names]
    return (
        source[: section.start]
        + "".join(texts)
        + source[section.stop : region.start()]
        + _region(region, listed, heads)
        + source[region.end() :]
    )


def _region(region: re.Match, names: list[str], heads: dict[str, str]) -> str:
    """Return the marks with the constructor between them."""
    lines = region[0].partition(">\n")[0].splitlines()
    lines[-1] += ">"
    lines += ["    def __init__(", "        self,"]
    for name in names:
        if name == "*":
            lines.append("        *,")
        else:
            default = heads[name].partition(", default=")[2]
            lines.append(f"        {name}: {annotation(heads[name])} = {default},")
    lines += ["    ):", *(f"        self.{name} = {name}" for name in names if name != "*")]
    return "\n".join([*lines, "        # </parameters>", ""])


def annotated(source: str) -> str:
    """Return a source with the annotations of its base classes written anew; see `HEADS`."""

    def region(found: re.Match) -> str:
        lines = []
        for word in found["names"].split():
            if word not in HEADS | GROUPS | SHARED:
                sys.exit(f"annotations: {word}: no group, shared parameter or class with them.")
            heads = HEADS.get(word) or {one: SHARED[one][0] for one in GROUPS.get(word, [word])}
            lines += [f"    {name}: {annotation(head)}\n" for name, head in heads.items()]
        return f"{found['mark']}{''.join(lines)}    # </annotations>\n"

    return ANNOTATIONS.sub(region, source)


def annotation(head: str) -> str:
    """Return the annotation for a type as numpydoc has it: ``int | str`` for 'int or "auto"'."""
    kind, found = head.partition(", default=")[0], []
    for option in re.split(r", | or ", re.sub(r"\{.*?\}", '""', kind)):
        option = "str" if option[0] == '"' else "list" if option.startswith("list ") else option
        if option not in PLAIN | {"list"}:
            return "Any"
        found.append(option)
    return " | ".join(dict.fromkeys(found))


def main(check: bool) -> int:
    """Rewrite the sources, or show what would change."""
    changed = False
    sources = {path: path.read_text() for path in sorted((ROOT / "seqlearn").rglob("*.py"))}
    constructed = {path: rewritten(source) for path, source in sources.items()}
    for path, source in sources.items():
        due = annotated(constructed[path])
        if due == source:
            continue
        changed = True
        name = str(path.relative_to(ROOT))
        if check:
            lines = (text.splitlines(keepends=True) for text in (source, due))
            sys.stdout.writelines(difflib.unified_diff(*lines, name, f"{name}, from the table"))
        else:
            path.write_text(due)
            print(f"wrote {name}")
    return int(check and changed)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
