"""Count the lines of code of a package, file by file: python .ci/code_lines.py seqlearn

Docstrings, comments and blank lines do not count, nor does what `.ci/parameters.py` generates.
"""

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """Return the number of lines of code in the source of a module."""
    apart: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            apart.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    for region in re.finditer(r"# <(parameters|annotations): .*?# </\1>", source, re.S):
        first = source.count("\n", 0, region.start()) + 1
        apart.update(range(first, first + region[0].count("\n") + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - apart)


if __name__ == "__main__":
    counts = {
        path: code_lines(path.read_text()) for path in sorted(Path(sys.argv[1]).rglob("*.py"))
    }
    for path, count in counts.items():
        print(count, path)
    print(sum(counts.values()), "in all")
