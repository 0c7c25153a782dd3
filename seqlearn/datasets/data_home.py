"""Where the user keeps data files: the folder that the environment variable SEQLEARN_DATA names.

Here is only the look-up of that folder. What lies inside it, and how it is read, is known to the
loaders; `download` also knows which folder to write to when this one is not set or cannot be
written. Nothing is created or written here.
"""

import os
from pathlib import Path

from seqlearn.errors import DatasetNotFoundError


def data_home() -> Path | None:
    """Return the folder named by the environment variable ``SEQLEARN_DATA``.

    Returns
    -------
    pathlib.Path or None
        The folder, with a leading ``~`` expanded; None when the variable is not set or empty.

    Raises
    ------
    DatasetNotFoundError
        When the variable names something that is not an existing folder.

    Examples
    --------
    >>> import os, tempfile
    >>> from unittest import mock
    >>> from seqlearn.datasets import data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with mock.patch.dict(os.environ, SEQLEARN_DATA=folder):
    ...         str(data_home()) == folder
    True
    """
    value = os.environ.get("SEQLEARN_DATA")
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise DatasetNotFoundError(
            f"The environment variable SEQLEARN_DATA is set to {value!r}, which {found}. "
            "Set it to the folder that holds the data sets, or unset it."
        )
    return folder
