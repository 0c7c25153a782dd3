"""One file for a model: arrays as safetensors lay them out, a description, and a digest over both.

`write` and `read` know nothing of estimators. The description is JSON, and stands in the header's
metadata. The digest is SHA-256 of the whole file with zeros in the place of the digest itself, so
that a flipped bit is found wherever it is. Nothing in a file is ever executed.
"""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from seqlearn.errors import ModelFileError

__all__ = ["FORMAT", "read", "read_description", "write", "write_bytes"]

FORMAT = 1  # of the description; older ones stay readable
KEY, DIGEST = "seqlearn", "digest"  # in the metadata
BLANK = "0" * 64
LARGEST_HEADER = 100_000_000  # bytes; safetensors accepts no more
AT_ONCE = 1 << 20  # bytes that are hashed at once


def write(path: Any, description: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write a file at once or not at all.

    Parameters
    ----------
    path : str or path-like
        Where to.
    description : dict
        What JSON can hold.
    arrays : dict of str to ndarray
        Numbers, in the byte order of this machine.

    Raises
    ------
    OSError
        The folder is not there or may not be written to.
    ModelFileError
        The description takes more than 100 MB.
    """
    from safetensors.numpy import save

    text = json.dumps(description, separators=(",", ":"), allow_nan=False)
    if len(text) > LARGEST_HEADER - (1 << 20):
        raise ModelFileError(
            f"What describes the model, its vocabulary and labels, takes {len(text)} bytes; a file "
            f"holds {LARGEST_HEADER} at most beside the weights."
        )
    ours = {name: np.asarray(one, order="C") for name, one in arrays.items()}
    data = bytearray(save(ours, {KEY: text, DIGEST: BLANK}))
    place = _place_of_digest(
        data[8 : 8 + _header_size(bytes(data[:8]), len(data), path)], BLANK, path
    )
    data[8 + place : 8 + place + 64] = hashlib.sha256(data).hexdigest().encode()
    write_bytes(path, data)


def write_bytes(path: Any, data: bytes | bytearray) -> None:
    """Write a file at once or not at all: a temporary one beside it takes its place at the end.

    Raises
    ------
    OSError
        The folder is not there or may not be written to, or the disk is full.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as cause:
        if os.path.exists(part):
            os.unlink(part)
        if isinstance(cause, OSError):  # by the name that the user knows, not the temporary one
            raise OSError(cause.errno, cause.strerror, str(path)) from cause
        raise


def read_description(path: Any) -> tuple[dict[str, Any], dict[str, tuple[str, list[int]]]]:
    """Return the description of a file, once it is known to be whole, and type and shape of arrays.

    Raises
    ------
    ModelFileError
        It is no file of `write`, is damaged, or is of a newer format; it is named.
    OSError
        It cannot be opened.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(8)
        header = file.read(_header_size(first, size, path))
        metadata, others = _entries(header, path)
        place = _place_of_digest(header, metadata[DIGEST], path)
        digest = hashlib.sha256(first + header[:place] + BLANK.encode() + header[place + 64 :])
        while part := file.read(AT_ONCE):
            digest.update(part)
    if digest.hexdigest() != metadata[DIGEST]:
        _refuse(path, "its digest is not that of its content. It was changed, or is damaged")
    try:
        description = json.loads(metadata[KEY])
        version = description["format"]
    except (ValueError, RecursionError, KeyError, TypeError) as cause:
        _refuse(path, f"its description cannot be read ({type(cause).__name__})", cause)
    if type(version) is not int or version < 1:
        _refuse(path, f"it says that its format is {version!r}")
    if version > FORMAT:
        _refuse(
            path,
            f"it is of format {version}, written by seqlearn {description.get('seqlearn')}, and "
            f"this version reads {FORMAT} and older. Update: python -m pip install -U "
            "scikit-seqlearn",
        )
    return description, {k: (str(one["dtype"]), one["shape"]) for k, one in others.items()}


def read(path: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the description and the arrays of a file; errors are those of `read_description`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    description, _ = read_description(path)
    try:
        return description, load_file(path)
    except (SafetensorError, ValueError, KeyError, TypeError) as cause:
        _refuse(path, f"its arrays cannot be read ({cause})", cause)


def _header_size(first: bytes, size: int, path: Any) -> int:
    """Return the bytes of the header, which the first eight of a file tell."""
    if first[:2] == b"PK":
        _refuse(path, "it is a zip file, as skops (see skops.io.load) and torch write", None)
    if first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05":
        _refuse(path, "it is a pickle, which may run anything when it is loaded", None)
    n = int.from_bytes(first, "little")
    if len(first) < 8 or n > size - 8 or n < 2:
        _refuse(path, f"of its {size} bytes, {n} would be its header. It is no model, or cut off")
    if n > LARGEST_HEADER:
        _refuse(path, f"its header would take {n} bytes, more than any model needs")
    return n


def _entries(header: bytes, path: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the metadata of a header, and what it says of each array."""
    try:
        entries = json.loads(header)
        metadata = entries.pop("__metadata__")
        texts = metadata[KEY], metadata[DIGEST]
    except (ValueError, RecursionError, KeyError, TypeError) as cause:
        _refuse(path, f"its header is not one of seqlearn ({type(cause).__name__})", cause)
    if not all(isinstance(one, str) for one in texts) or len(texts[1]) != 64:
        _refuse(path, "its header is not one of seqlearn")
    return metadata, entries


def _place_of_digest(header: bytes | bytearray, digest: str, path: Any) -> int:
    """Return where the digest begins in a header."""
    wanted = json.dumps(DIGEST).encode() + b":" + json.dumps(digest).encode()
    place = header.find(wanted)
    if place < 0 or header.find(wanted, place + 1) >= 0:
        _refuse(path, "its header has the digest in no place, or in several")
    return place + len(wanted) - 65


def _refuse(path: Any, what: str, cause: BaseException | None = None) -> NoReturn:
    error = ModelFileError(
        f"{str(path)!r} is not a model that seqlearn.load can read: {what}. Nothing of it was "
        "used or executed. Save the model again, with estimator.save(path) or "
        "seqlearn.save(model, path)."
    )
    error.reason = what
    raise error from cause
