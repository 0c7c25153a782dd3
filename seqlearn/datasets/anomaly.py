"""Series with labelled anomalies: twelve of NAB, and the two that sktime carries.

Here is which files make them up, at which fixed version, and where their anomalies are; `download`
finds or fetches a file, `csv_files` reads it. The data belong to their authors and are under terms
of their own, named in each function. Series are returned as they are, whole and in their own units;
which part to train on, a benchmark says.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqlearn.datasets.csv_files import read_cells, read_rows
from seqlearn.datasets.data_home import data_home as environment_home
from seqlearn.datasets.download import RemoteFile, find_file
from seqlearn.datasets.shipped import sktime_folders
from seqlearn.errors import DataFormatError, DatasetNotFoundError, InvalidParameterError

_NAB = "https://raw.githubusercontent.com/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140"

# Name and SHA-256 of each file.
_NAB_FILES = """
artificialNoAnomaly/art_daily_small_noise
    c4b304229f69f108eaa024fb2406fcd4510c5c5d95cd0053e2da6989682e4e6d
artificialWithAnomaly/art_daily_flatmiddle
    ea5df125947e9ee2b977ac3d341f3c2a029588862af97cae4a654fc56e838702
artificialWithAnomaly/art_daily_jumpsup
    f79f92b93ee4f9c10e2dc552505e8880b0c618639ed5e0f9816e044b75c26456
realAWSCloudwatch/ec2_cpu_utilization_24ae8d
    ab446fbd8b9f37507eb2fdb06315826d8daeef02e241133ce06e0ee571ba53d9
realAWSCloudwatch/ec2_cpu_utilization_53ea38
    8942e498de7b40f1b4a6d802755592c09b8fb73ce8f658763a09cb9ea1ea94ac
realAWSCloudwatch/ec2_cpu_utilization_5f5533
    01613e6f632d067f11a5dfd40a188b0789752b388d9bc77a398bd06333878a76
realAWSCloudwatch/ec2_network_in_257a54
    39104b08f2e0a673b5137eb7681897fcadf0955fedf565740a6a94edc63a81a4
realAWSCloudwatch/rds_cpu_utilization_cc0c53
    d5df979ef85928769a016cd0f935919d8c2a113926e21e1eb3a5001d688760e2
realKnownCause/ambient_temperature_system_failure
    230b68ccca20f59d562afd5d24ad52939c9b784386bed0054018358bf9120581
realKnownCause/cpu_utilization_asg_misconfiguration
    58ba65dc0737cfbac11b51514476d50c438d44011232144bb8d93f392df58f9f
realKnownCause/machine_temperature_system_failure
    92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4
realKnownCause/nyc_taxi
    d8fa6f7f0734bf5c8be12c52a94e20a82664c397d9dec4449156bd453d32856d
"""

# The windows of the benchmark's combined_windows.json as ranges of rows, the end not included; a
# test compares them with that file.
_NAB_WINDOWS: dict[str, list[tuple[int, int]]] = {
    "artificialNoAnomaly/art_daily_small_noise": [],
    "artificialWithAnomaly/art_daily_flatmiddle": [(2679, 3082)],
    "artificialWithAnomaly/art_daily_jumpsup": [(2787, 3190)],
    "realAWSCloudwatch/ec2_cpu_utilization_24ae8d": [(3447, 3648), (3677, 3878)],
    "realAWSCloudwatch/ec2_cpu_utilization_53ea38": [(1396, 1597), (2559, 2760)],
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533": [(1171, 1372), (2830, 3031)],
    "realAWSCloudwatch/ec2_network_in_257a54": [(1437, 1840)],
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53": [(2980, 3181), (3479, 3680)],
    "realKnownCause/ambient_temperature_system_failure": [(3540, 3903), (5999, 6362)],
    "realKnownCause/cpu_utilization_asg_misconfiguration": [(16551, 18050)],
    "realKnownCause/machine_temperature_system_failure": [
        (2126, 2693),
        (3703, 4270),
        (16057, 16624),
        (19232, 19799),
    ],
    "realKnownCause/nyc_taxi": [
        (5839, 6046),
        (7080, 7287),
        (8423, 8630),
        (8731, 8938),
        (9977, 10184),
    ],
}
_SHA256 = dict(zip(_NAB_FILES.split()[::2], _NAB_FILES.split()[1::2], strict=True))


class NabSeries(NamedTuple):
    """A series of the Numenta Anomaly Benchmark; see `fetch_nab`."""

    name: str
    timestamps: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    windows: list[tuple[int, int]]


def fetch_nab(
    name: str | None = None,
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
) -> list[NabSeries]:
    """Read twelve series of the Numenta Anomaly Benchmark, downloading those that are absent.

    Temperatures of an office and a machine, load of servers, taxi passengers of New York and three
    artificial series, of 4,032 to 22,695 rows, with 23 windows around their anomalies. The
    benchmark does not score the first 15 % of a series, at most 750 rows. Licence: MIT, Copyright
    Numenta.

    Steps are not all alike: ``ec2_network_in_257a54``, ``rds_cpu_utilization_cc0c53`` and
    ``ambient_temperature_system_failure`` have gaps, and one time stamp of
    ``machine_temperature_system_failure`` is earlier than the one before it. Time stamps are
    returned as they are.

    Files that are there, in ``nab/data`` below the data home, are used as they are; only absent
    ones are downloaded.

    Parameters
    ----------
    name : str or None, default=None
        One series, such as ``"realKnownCause/nyc_taxi"``; None is all of them.
    data_home : str, os.PathLike or None, default=None
        The one folder to look in and to download into. None means: look in the folder that the
        environment variable ``SEQLEARN_DATA`` names, then in the user's cache folder of the
        operating system (``pooch.os_cache("seqlearn")``); download into the first of the two that
        can be written to.
    download_if_missing : bool, default=True
        False raises an error instead of using the network.

    Returns
    -------
    list of NabSeries
        Sorted by name; each a named tuple of

        - ``name``, str;
        - ``timestamps``, ndarray of shape (T,), datetime64[s], without time zone;
        - ``values``, ndarray of shape (T,), float64;
        - ``labels``, ndarray of shape (T,), int, 1 within windows;
        - ``windows``, list of pairs of int: ``values[start:end]`` is a window.

    Raises
    ------
    InvalidParameterError
        When there is no series `name`.
    DatasetNotFoundError
        When a file is neither on this machine nor can be downloaded. A subclass of
        FileNotFoundError.
    DataFormatError
        When what was downloaded has another checksum (it is not kept), or a file is not well
        formed or too short for its windows. A subclass of ValueError.

    References
    ----------
    Lavin and Ahmad (2015). Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
    Benchmark. Proceedings of ICMLA 2015, 38-44. https://github.com/numenta/NAB

    Examples
    --------
    With a file put into the data home by hand:

    >>> import pathlib, tempfile
    >>> from seqlearn.datasets import fetch_nab
    >>> with tempfile.TemporaryDirectory() as home:
    ...     folder = pathlib.Path(home, "nab", "data", "artificialNoAnomaly")
    ...     folder.mkdir(parents=True)
    ...     _ = (folder / "art_daily_small_noise.csv").write_text(
    ...         "timestamp,value\\n2014-04-01 00:00:00,18.3\\n2014-04-01 00:05:00,21.9\\n"
    ...     )
    ...     [series] = fetch_nab("artificialNoAnomaly/art_daily_small_noise", data_home=home)
    >>> series.values, series.windows
    (array([18.3, 21.9]), [])
    """
    if name is not None and name not in tuple(_SHA256):
        raise InvalidParameterError(
            f"name must be None or one of {', '.join(map(repr, _SHA256))}, got {name!r}."
        )
    return [
        _read_nab(one, data_home, download_if_missing) for one in _SHA256 if name in (None, one)
    ]


def _read_nab(
    name: str, data_home: str | os.PathLike[str] | None, download_if_missing: bool
) -> NabSeries:
    """Find and read one series."""
    group, _, file_name = name.partition("/")
    file = RemoteFile(
        f"nab/data/{group}", f"{file_name}.csv", f"{_NAB}/data/{name}.csv", _SHA256[name]
    )
    path = find_file(file, data_home, download_if_missing)
    rows = read_rows(path, ["timestamp", "value"])
    timestamps = np.empty(len(rows), dtype="M8[s]")
    for i, (line, (stamp, _)) in enumerate(rows):
        try:
            timestamps[i] = stamp
        except ValueError as error:
            raise DataFormatError(
                f"{path}, line {line}: {stamp!r} is not a time such as 2014-04-01 00:05:00."
            ) from error
    values = read_cells(path, [(line, row[1:]) for line, row in rows])[:, 0]
    windows = _NAB_WINDOWS[name]
    if windows and windows[-1][1] > len(values):
        raise DataFormatError(
            f"{path} has {len(values)} rows, but its windows reach to row {windows[-1][1]}. Remove "
            "it, so that it is downloaded again."
        )
    labels = np.zeros(len(values), dtype=np.int64)
    for start, end in windows:
        labels[start:end] = 1
    return NabSeries(name, timestamps, values, labels, list(windows))


def load_yahoo() -> tuple[np.ndarray, np.ndarray]:
    """Load a series of Yahoo S5 with single anomalous points.

    1,000 hourly values with a daily season, of which seven are anomalous. The file is that of the
    installed sktime. Terms: for non-commercial research, not to be passed on.

    Returns
    -------
    values : ndarray of shape (1000,), float64
        The series.
    labels : ndarray of shape (1000,), int
        1 at anomalous steps, else 0.

    Raises
    ------
    DatasetNotFoundError
        When the file is neither in the installed sktime nor in ``$SEQLEARN_DATA/yahoo``. A subclass
        of FileNotFoundError.
    DataFormatError
        When the file is not as published. A subclass of ValueError.

    References
    ----------
    Laptev, Amizadeh and Billawala (2015). S5: a labeled anomaly detection dataset, version 1.0.
    Yahoo Webscope. In the form of TSB-UAD, Paparrizos et al. (2022), PVLDB 15(8), 1697-1711.

    Examples
    --------
    >>> from seqlearn.datasets import load_yahoo
    >>> values, labels = load_yahoo()
    >>> values.shape, labels.sum()
    ((1000,), np.int64(7))
    """
    return _load_shipped("yahoo")


def load_mitdb() -> tuple[np.ndarray, np.ndarray]:
    """Load an electrocardiogram with one abnormal stretch.

    7,500 values of one lead from the MIT-BIH Arrhythmia Database, in millivolts, 360 a second; 352
    steps, one abnormal beat, are labelled. The file is that of the installed sktime. Licence of the
    database: ODC-By 1.0.

    Returns
    -------
    values : ndarray of shape (7500,), float64
        The series.
    labels : ndarray of shape (7500,), int
        1 at anomalous steps, else 0.

    Raises
    ------
    DatasetNotFoundError
        When the file is neither in the installed sktime nor in ``$SEQLEARN_DATA/mitdb``. A subclass
        of FileNotFoundError.
    DataFormatError
        When the file is not as published. A subclass of ValueError.

    References
    ----------
    Moody and Mark (1992). MIT-BIH Arrhythmia Database. https://doi.org/10.13026/C2F305. In the form
    of TSB-UAD, Paparrizos et al. (2022), PVLDB 15(8), 1697-1711.

    Examples
    --------
    >>> from seqlearn.datasets import load_mitdb
    >>> values, labels = load_mitdb()
    >>> values.shape, labels.nonzero()[0][[0, -1]]
    ((7500,), array([6936, 7287]))
    """
    return _load_shipped("mitdb")


def _load_shipped(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read values and labels of a series that sktime carries."""
    path = _find_shipped(name)
    rows = read_rows(path, ["data", "label"])
    values, labels = read_cells(path, rows).T
    wrong = np.flatnonzero(~np.isfinite(values) | ~np.isin(labels, [0, 1]))
    if len(wrong):
        line, cells = rows[wrong[0]]
        raise DataFormatError(
            f"{path}, line {line}: {','.join(cells)} is not a finite value and a label of 0 or 1."
        )
    return values.copy(), labels.astype(np.int64)


def _find_shipped(name: str) -> Path:
    """Return the first file of that name."""
    home = environment_home()
    folders = [*sktime_folders(), *([home] if home is not None else [])]
    paths = [folder / name / f"{name}.csv" for folder in folders]
    for path in paths:
        if path.is_file():
            return path
    looked_in = ", ".join(map(str, paths)) or "no place: neither sktime nor SEQLEARN_DATA is there"
    raise DatasetNotFoundError(
        f"{name}.csv was not found; looked in {looked_in}. Install a version of sktime that "
        f"carries it (pip install -U sktime), or put it into a folder {name} and set SEQLEARN_DATA "
        "to the folder above."
    )
