"""The exceptions that seqlearn raises; nothing else lives here and it imports nothing.

Each one is a `SeqlearnError` and also the built-in a reader would expect, so that both
``except SeqlearnError`` and ``except ValueError`` do the natural thing::

    SeqlearnError
      InvalidParameterError   (ValueError)         a constructor parameter is out of range
      DataFormatError         (ValueError)         X, y or a file has a form that is not accepted
        NotAheadError         (NotImplementedError) a horizon asks for what has been observed
      DatasetNotFoundError    (FileNotFoundError)  a data set is not on this machine
      MissingDependencyError  (ImportError)        an optional package is not installed
      ModelFileError          (ValueError)         a model cannot be saved, or a file not loaded
      TrainingDivergedError   (ArithmeticError)    the loss is not finite from the first epoch
      BackendError                                 anything about the registry of backends
        UnknownBackendError   (ValueError)         no installed distribution has that name
        DuplicateBackendError (ValueError)         two distributions claim one name
        BrokenBackendError    (ImportError)        the plugin is there but cannot be imported
        InvalidBackendError   (TypeError)          what was registered breaks the contract
"""


class SeqlearnError(Exception):
    """Base of every exception raised by seqlearn on purpose."""


class InvalidParameterError(SeqlearnError, ValueError):
    """A parameter has a value that is not accepted; the message lists what is."""


class DataFormatError(SeqlearnError, ValueError):
    """Data has a form that is not accepted; the message names where and how to convert it."""


class NotAheadError(DataFormatError, NotImplementedError):
    """A horizon asks for steps that are not ahead of a series; sktime wants the built-in."""


class DatasetNotFoundError(SeqlearnError, FileNotFoundError):
    """A data set is not on this machine; the message says what was looked for, and where."""


class MissingDependencyError(SeqlearnError, ImportError):
    """An optional package is not installed; the message says how to install it."""


class ModelFileError(SeqlearnError, ValueError):
    """A model cannot be saved, or a file is no model; the message says why, and what to do.

    Attributes
    ----------
    reason : str
        What is wrong with a file that cannot be read.
    """

    reason = ""


class TrainingDivergedError(SeqlearnError, ArithmeticError):
    """The training loss stopped being finite before any usable weights existed."""


class BackendError(SeqlearnError):
    """Base of everything that can be wrong with a backend or the registry of backends."""


class UnknownBackendError(BackendError, ValueError):
    """No installed distribution registers a backend of that name."""


class DuplicateBackendError(BackendError, ValueError):
    """Two installed distributions register a backend of the same name."""


class BrokenBackendError(BackendError, ImportError):
    """A registered backend could not be imported; the cause is chained."""


class InvalidBackendError(BackendError, TypeError):
    """An object offered as a backend does not meet the contract `seqlearn.backend.Backend`."""
