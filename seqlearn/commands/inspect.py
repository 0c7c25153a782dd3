"""``python -m seqlearn inspect FILE``: what a saved model is, without making it."""

import os
from collections.abc import Iterator
from typing import Any


def inspect(path: str) -> int:
    """Print where a model comes from, its parameters and its arrays."""
    from seqlearn.persistence.files import read_description

    description, arrays = read_description(path)
    print(f"{path}: {description['class']}, {os.path.getsize(path):,} bytes, not damaged")
    print(f"format {description['format']}, written by seqlearn {description['seqlearn']}", end="")
    print(f", torch {description['torch']}, scikit-learn {description['scikit-learn']}", end="")
    print(f", Python {description['python']}")
    for name, distribution in description["backends"].items():
        print(f"backend {name!r} of {distribution}")
    if "checkpoint" in description:
        print(f"the state of a fit after epoch {description['checkpoint']['epoch']}")
    for depth, kind, state in _objects(description.get("model"), 0):
        given = {key: one for key, one in state.items() if _is_parameter(key, one)}
        values = ", ".join(f"{key}={value!r}" for key, value in given.items())
        print(f"{'  ' * depth}{kind}({values})")
    print("arrays:")
    for name, (dtype, shape) in arrays.items():
        print(f"  {dtype:4} {' x '.join(map(str, shape)) or 'number':12} {name}")
    return 0


def _objects(tree: Any, depth: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield depth, class and state of each object in a description, but of nets."""
    if isinstance(tree, list):
        for one in tree:
            yield from _objects(one, depth)
    if not isinstance(tree, dict):
        return
    if tree.get("$") == "object":
        if tree["class"] in ("SequenceNet", "Seeds"):
            return
        yield depth, tree["class"], tree["state"]
        depth += 1
    for one in tree.values():
        yield from _objects(one, depth)


def _is_parameter(name: str, value: Any) -> bool:
    is_learned = name.startswith("_") or name.endswith("_")
    return not is_learned and not isinstance(value, dict | list)
