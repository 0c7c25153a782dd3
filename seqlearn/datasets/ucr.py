"""Problems of the UCR and UEA archives, each with its official split, from files on this machine.

One function a problem, and no list of names to pass around: what a problem is (shape, classes,
source) is documented where it is loaded. The files are those that the installed sktime carries in
its folder; sktime is not imported for that. Failing that, `$SEQLEARN_DATA/tsc/<Name>/` is tried.
Reading the format is the work of `ts_format`; nothing is downloaded here.

The archives ask for citation: Dau et al. (2019), "The UCR time series archive", IEEE/CAA Journal of
Automatica Sinica 6(6), 1293-1305; Bagnall et al. (2018), "The UEA multivariate time series
classification archive, 2018", arXiv:1811.00075.
"""

from pathlib import Path

import numpy as np

from seqlearn.datasets.data_home import data_home
from seqlearn.datasets.shipped import sktime_folders
from seqlearn.datasets.ts_format import read_ts
from seqlearn.errors import DatasetNotFoundError

EqualLengthSplit = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
UnequalLengthSplit = tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]


def load_japanese_vowels() -> UnequalLengthSplit:
    """Load JapaneseVowels: nine speakers told apart by how they say two vowels.

    Twelve linear prediction coefficients per frame of a recording of one of nine men saying 'a' and
    'e'; the class is the speaker.

    Returns
    -------
    X_train, X_test : lists of 270 and 370 ndarrays of shape (T_i, 12), T_i from 7 to 29
        The series, float64.
    y_train, y_test : ndarrays of str
        9 classes, '1' to '9'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in
        ``$SEQLEARN_DATA/tsc/JapaneseVowels``.

    References
    ----------
    Kudo, Toyama and Shimbo (1999). Multidimensional curve classification using passing-through
    regions. Pattern Recognition Letters 20(11-13), 1103-1111.

    Examples
    --------
    >>> from seqlearn.datasets import load_japanese_vowels
    >>> X_train, X_test, y_train, y_test = load_japanese_vowels()
    >>> len(X_train), X_train[0].shape
    (270, (20, 12))
    """
    return _load_split("JapaneseVowels")


def load_basic_motions() -> EqualLengthSplit:
    """Load BasicMotions: four activities from the sensors of a smart watch.

    Three axes of acceleration and three of rotation, ten times a second for ten seconds; the class
    is what the wearer did.

    Returns
    -------
    X_train, X_test : ndarrays of shape (40, 100, 6) and (40, 100, 6)
        The series, float64.
    y_train, y_test : ndarrays of str
        4 classes, 'Badminton', 'Running', 'Standing' and 'Walking'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in
        ``$SEQLEARN_DATA/tsc/BasicMotions``.

    References
    ----------
    Bagnall et al. (2018). The UEA multivariate time series classification archive, 2018.
    arXiv:1811.00075.

    Examples
    --------
    >>> from seqlearn.datasets import load_basic_motions
    >>> X_train, X_test, y_train, y_test = load_basic_motions()
    >>> X_train.shape, sorted(set(y_train.tolist()))
    ((40, 100, 6), ['Badminton', 'Running', 'Standing', 'Walking'])
    """
    return _load_split("BasicMotions")


def load_arrow_head() -> EqualLengthSplit:
    """Load ArrowHead: three kinds of projectile points by their outlines.

    The outline of an arrowhead's image turned into angles along the contour; the class is its
    shape: Avonlea, Clovis or Mix.

    Returns
    -------
    X_train, X_test : ndarrays of shape (36, 251) and (175, 251)
        The series, float64.
    y_train, y_test : ndarrays of str
        3 classes, '0' to '2'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in ``$SEQLEARN_DATA/tsc/ArrowHead``.

    References
    ----------
    Ye and Keogh (2009). Time series shapelets: a new primitive for data mining. Proceedings of KDD
    2009, 947-956.

    Examples
    --------
    >>> from seqlearn.datasets import load_arrow_head
    >>> X_train, X_test, y_train, y_test = load_arrow_head()
    >>> X_train.shape, X_test.shape
    ((36, 251), (175, 251))
    """
    return _load_split("ArrowHead")


def load_gunpoint() -> EqualLengthSplit:
    """Load GunPoint: drawing a gun or pointing a finger.

    The horizontal position of an actor's right hand, who draws a replica gun or points a finger.

    Returns
    -------
    X_train, X_test : ndarrays of shape (50, 150) and (150, 150)
        The series, float64.
    y_train, y_test : ndarrays of str
        2 classes, '1' and '2'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in ``$SEQLEARN_DATA/tsc/GunPoint``.

    References
    ----------
    Dau et al. (2019). The UCR time series archive. IEEE/CAA Journal of Automatica Sinica 6(6),
    1293-1305.

    Examples
    --------
    >>> from seqlearn.datasets import load_gunpoint
    >>> X_train, X_test, y_train, y_test = load_gunpoint()
    >>> X_train.shape, X_test.shape
    ((50, 150), (150, 150))
    """
    return _load_split("GunPoint")


def load_italy_power_demand() -> EqualLengthSplit:
    """Load ItalyPowerDemand: winter or summer from a day's demand for electricity.

    Italy's demand in the 24 hours of a day; the classes are October to March and April to
    September.

    Returns
    -------
    X_train, X_test : ndarrays of shape (67, 24) and (1029, 24)
        The series, float64.
    y_train, y_test : ndarrays of str
        2 classes, '1' and '2'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in
        ``$SEQLEARN_DATA/tsc/ItalyPowerDemand``.

    References
    ----------
    Keogh, Wei, Xi, Lonardi, Shieh and Sirowy (2006). Intelligent icons: integrating lite-weight
    data mining and visualization into GUI operating systems. Proceedings of ICDM 2006, 912-916.

    Examples
    --------
    >>> from seqlearn.datasets import load_italy_power_demand
    >>> X_train, X_test, y_train, y_test = load_italy_power_demand()
    >>> X_train.shape, X_test.shape
    ((67, 24), (1029, 24))
    """
    return _load_split("ItalyPowerDemand")


def load_osuleaf() -> EqualLengthSplit:
    """Load OSULeaf: six kinds of leaves by their outlines.

    The outline of a leaf's image as one series, anti-clockwise; the class is the species (maples
    and oaks).

    Returns
    -------
    X_train, X_test : ndarrays of shape (200, 427) and (242, 427)
        The series, float64.
    y_train, y_test : ndarrays of str
        6 classes, '1' to '6'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in ``$SEQLEARN_DATA/tsc/OSULeaf``.

    References
    ----------
    Dau et al. (2019). The UCR time series archive. IEEE/CAA Journal of Automatica Sinica 6(6),
    1293-1305.

    Examples
    --------
    >>> from seqlearn.datasets import load_osuleaf
    >>> X_train, X_test, y_train, y_test = load_osuleaf()
    >>> X_train.shape, X_test.shape
    ((200, 427), (242, 427))
    """
    return _load_split("OSULeaf")


def load_plaid() -> UnequalLengthSplit:
    """Load PLAID: eleven kinds of household appliances by their electrical load.

    A window around the start of an appliance, cut from a recording of its load at 30 kHz; the class
    is the kind of appliance. Classes are of unequal size, 13 to 88 cases in the training part.

    Returns
    -------
    X_train, X_test : lists of 537 and 537 ndarrays of shape (T_i, 1), T_i from 100 to 1344
        The series, float64.
    y_train, y_test : ndarrays of str
        11 classes, '0' to '10'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in ``$SEQLEARN_DATA/tsc/PLAID``.

    References
    ----------
    Gao, Giri, Kara and Berges (2014). PLAID: a public dataset of high-resolution electrical
    appliance measurements for load identification research. Proceedings of BuildSys 2014, 198-199.

    Examples
    --------
    >>> from seqlearn.datasets import load_plaid
    >>> X_train, X_test, y_train, y_test = load_plaid()
    >>> len(X_train), max(map(len, X_train))
    (537, 1344)
    """
    return _load_split("PLAID")


def load_acsf1() -> EqualLengthSplit:
    """Load ACSF1: ten kinds of appliances by the power they consume.

    Power consumption with long idle spells and bursts; the class is the kind of appliance.

    Returns
    -------
    X_train, X_test : ndarrays of shape (100, 1460) and (100, 1460)
        The series, float64.
    y_train, y_test : ndarrays of str
        10 classes, '0' to '9'.

    Raises
    ------
    DatasetNotFoundError
        When the files are neither in the installed sktime nor in ``$SEQLEARN_DATA/tsc/ACSF1``.

    References
    ----------
    Gisler, Ridi, Zufferey, Abou Khaled and Hennebert (2013). Appliance consumption signature
    database and recognition test protocols. Proceedings of WoSSPA 2013, 336-341.

    Examples
    --------
    >>> from seqlearn.datasets import load_acsf1
    >>> X_train, X_test, y_train, y_test = load_acsf1()
    >>> X_train.shape, X_test.shape
    ((100, 1460), (100, 1460))
    """
    return _load_split("ACSF1")


def _load_split(name: str) -> tuple:
    """Read both parts of the problem `name`, in the order of scikit-learn's `train_test_split`."""
    folder = _find_folder(name)
    X_train, y_train = read_ts(folder / f"{name}_TRAIN.ts")
    X_test, y_test = read_ts(folder / f"{name}_TEST.ts")
    return X_train, X_test, y_train, y_test


def _find_folder(name: str) -> Path:
    """Return the first folder that holds both files of the problem `name`."""
    roots = sktime_folders()
    looked_in = [] if roots else ["the package sktime: not installed"]
    for root in roots:
        folder = root / name
        if _holds(folder, name):
            return folder
        looked_in.append(f"{folder}: not shipped with this version of sktime")
    home = data_home()
    if home is None:
        looked_in.append("$SEQLEARN_DATA: not set")
    else:
        folder = home / "tsc" / name
        if _holds(folder, name):
            return folder
        looked_in.append(f"{folder} (from $SEQLEARN_DATA): files not there")
    raise DatasetNotFoundError(
        f"{name}_TRAIN.ts and {name}_TEST.ts were not found. Looked in {'; '.join(looked_in)}. "
        "Install a version of sktime that carries them (pip install -U sktime), or download them "
        f"from https://www.timeseriesclassification.com/description.php?Dataset={name} into a "
        f"folder tsc/{name} and set SEQLEARN_DATA to the folder above tsc."
    )


def _holds(folder: Path, name: str) -> bool:
    return all((folder / f"{name}_{part}.ts").is_file() for part in ("TRAIN", "TEST"))
