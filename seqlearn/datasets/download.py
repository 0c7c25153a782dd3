"""Finding the file of a corpus on this machine, or else downloading it with a checked checksum.

Here are the places that are looked in and the download; the list of files, with their addresses and
checksums, belongs to `text`. pooch does the download and is imported only after a file was not
found in the data home. Nothing is unpacked, and a file that is already there is used as it
is, so a user may put one there by hand.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.errors import DataFormatError, DatasetNotFoundError

_TIMEOUT = 30.0  # seconds without an answer from the server


@dataclass(frozen=True)
class RemoteFile:
    """A file with its place in a data home, its address and its checksum.

    Parameters
    ----------
    folder : str
        The folder of the corpus below the data home.
    name : str
        The name of the file in that folder.
    url : str
        Where it is downloaded from; the address of one fixed version.
    sha256 : str
        The SHA-256 checksum of that version, 64 hexadecimal digits.
    """

    folder: str
    name: str
    url: str
    sha256: str


def find_file(
    file: RemoteFile,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> Path:
    """Return the path of `file`, downloading it when it is not on this machine.

    Parameters
    ----------
    file : RemoteFile
        The file.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    pathlib.Path
        An existing file.

    Raises
    ------
    DatasetNotFoundError
        When the file is neither on this machine nor can be downloaded, or when ``SEQLEARN_DATA`` is
        set to something that is not a folder. A subclass of FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum; it is not kept. A subclass of ValueError.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from seqlearn.datasets.download import RemoteFile, find_file
    >>> songs = RemoteFile("songs", "songs.txt", "https://example.org/songs.txt", "0" * 64)
    >>> with tempfile.TemporaryDirectory() as home:
    ...     pathlib.Path(home, "songs").mkdir()
    ...     _ = pathlib.Path(home, "songs", "songs.txt").write_text("la la la")
    ...     find_file(songs, home).read_text()
    'la la la'
    """
    home = environment_home() if data_home is None else Path(data_home).expanduser()
    if home is not None and (path := home / file.folder / file.name).is_file():
        return path
    homes = [] if home is None else [home]
    if data_home is None:
        cache = _cache_folder()
        if (path := cache / file.folder / file.name).is_file():
            return path
        homes.append(cache)
    looked_in = ", ".join(str(home / file.folder) for home in homes)
    not_found = f"{file.name} was not found; looked in {looked_in}"
    if data_home is None and home is None:
        not_found += " ($SEQLEARN_DATA is not set)"
    by_hand = (
        f"download {file.url} by other means and put it, under the name {file.name}, into a folder "
        f"{file.folder}, and give the folder above as data_home or in the environment variable "
        "SEQLEARN_DATA"
    )
    if not download_if_missing:
        raise DatasetNotFoundError(
            f"{not_found}. It was not downloaded, because download_if_missing is False. Set it to "
            f"True, or {by_hand}."
        )
    target = next((home for home in homes if _is_writable(home / file.folder)), homes[-1])
    try:
        return _download(file, target / file.folder)
    except OSError as error:  # among them every error of the network, and those of writing
        raise DatasetNotFoundError(
            f"{not_found}. The download from {file.url} into {target / file.folder} failed: "
            f"{error}. Try again, or {by_hand}."
        ) from error


def _cache_folder() -> Path:
    """Return the user's cache folder for seqlearn, which need not exist."""
    import pooch

    return Path(pooch.os_cache("seqlearn"))


def _is_writable(folder: Path) -> bool:
    """Say whether files can be made in `folder`, or it in the first existing folder above."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    # Root may write anywhere, yet a folder that is marked read-only is not meant to be written.
    marked = folder.is_dir() and folder.stat().st_mode & 0o222
    return bool(marked) and os.access(folder, os.W_OK | os.X_OK)


def _download(file: RemoteFile, folder: Path) -> Path:
    """Download `file`; it appears in `folder` only when it is complete and its checksum right."""
    import pooch

    made = not folder.exists()  # pooch makes it before it downloads
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # pooch would write a line to standard error for each download
    try:
        path = pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=folder,
            # stream=False: pooch would not close the connection of a stream that fails.
            downloader=pooch.HTTPDownloader(timeout=_TIMEOUT, stream=False),
        )
    except OSError:
        raise  # some errors of requests are a ValueError too
    except ValueError as error:
        raise DataFormatError(
            f"What {file.url} serves is not the file that was expected and was not kept. {error} "
            "If a proxy or a login page answers in the server's place, download the file by other "
            f"means and put it into {folder}."
        ) from error
    finally:
        logger.setLevel(level)
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return Path(path)
