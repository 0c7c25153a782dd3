"""Files from which a fit that was interrupted goes on: ``checkpoint="folder"`` of the estimators.

After each epoch the whole state of the training, see `seqlearn.training.training_state`, is written
into one file, in the format of `seqlearn.save`: no pickle, a digest over all of it, and there as a
whole or not at all. The last two are kept, so that there is one before a file that is damaged.

What a fit starts from and reads, its first weights, every row, target and setting, makes a digest;
its files lie in a subfolder of that name. So fits of a search do not meet, and two processes that
do the same fit write the same bits. What may be another thing from one call to the next and still
leave the network the same one (versions, the kind of device, the number of updates that a
schedule plans for) stands in the names and in the files, in short and in full: a fit under other
conditions leaves those files alone and says what is different.
"""

import hashlib
import json
import os
import re
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqlearn.data.batches import Batched
from seqlearn.errors import InvalidParameterError, ModelFileError
from seqlearn.persistence.files import read, read_description, write
from seqlearn.persistence.saving import origin
from seqlearn.persistence.values import Reader, Writer
from seqlearn.printing import short_repr
from seqlearn.training.callbacks import Scheduled, Watching
from seqlearn.training.fingerprints import Fingerprint
from seqlearn.training.training_state import optimized, restore, state_of

__all__ = ["Checkpoints", "refuse_folder"]

KEPT = 2  # files of a fit
NAME = re.compile(r"epoch-(\d+)-([0-9a-f]{8})\.checkpoint")
STALE = 600.0  # seconds after which a file that is half written is nobody's
WITHOUT_EFFECT = {"callbacks", "device", "max_epochs", "precision", "verbose"}  # or seen elsewhere


class Checkpoints:
    """The files of one fit.

    Parameters
    ----------
    folder : str or path-like
        Where the subfolders of all fits are; it is made if it is not there.
    owner : str
        Name of the estimator.
    """

    def __init__(self, folder: Any, owner: str):
        self._folder, self._owner = Path(folder), owner
        self._history: list[bytes] = []  # a line of JSON for each epoch

    def begin(self, net: Any, dataset: Batched) -> None:
        """Find out which fit this is, and make its folder.

        Parameters
        ----------
        net : SequenceNet
            Ready to be trained.
        dataset : Batched
            What it will be trained on.

        Raises
        ------
        InvalidParameterError
            Nothing can be written there, or the fit has no name.
        """
        found = Fingerprint()
        watched = [one for _, one in net.callbacks_ if not isinstance(one, Watching)]
        planned = [one.factor for one in watched if isinstance(one, Scheduled)]
        given = net.arguments
        digest = found.of(
            [
                net.iterator_train__generator,
                {name: one for name, one in given.items() if name not in WITHOUT_EFFECT},
                str(net.autocast),
                list(map(type, net.module_.modules())),
                [found.of_callback(one) for one in watched if not isinstance(one, Scheduled)],
                [one.name for one in planned],
                net.module_.state_dict(),
                [dict(net.optimizer_.state.get(one, {})) for one in optimized(net)],
                list(net.get_split_datasets(dataset)),
            ]
        )
        self._generators = found.generators
        self._fit = digest.hex()
        about = origin()
        self._conditions = {
            "seqlearn": about["seqlearn"],
            "torch": about["torch"],
            "device": torch.device(net.device).type,
            "updates planned": [one.n_updates for one in planned],
            **{f"backend {name!r}": which for name, which in sorted(found.backends.items())},
        }
        self._about = {**about, "class": self._owner, "backends": found.backends}
        text = json.dumps(self._conditions).encode()
        self._tag = hashlib.blake2b(text, digest_size=4).hexdigest()
        self._place = self._folder / f"{self._owner}-{self._fit}"
        try:
            self._place.mkdir(parents=True, exist_ok=True)
            self._clear_away()
        except OSError as cause:
            raise _cannot_write(self._folder, cause) from cause

    def resume(self, net: Any) -> int:
        """Put a net into the newest state that can be used, and return the epochs left to train.

        Callbacks have been told that training begins.

        Warns
        -----
        UserWarning
            A file is damaged, or those that are there are of another plan or version.
        """
        found, left = self._newest(net.max_epochs), net.max_epochs
        if found is None:
            told = f"{self._owner} begins at epoch 1; checkpoints go to {self._place}"
        else:
            path, description, arrays = found
            state = Reader(arrays).value(description["state"])
            restore(net, self._generators, state)
            self._history = arrays["history"].tobytes().splitlines()
            net.history.extend(map(json.loads, self._history))
            epoch = len(self._history)
            left = 0 if description["checkpoint"]["stopped"] else net.max_epochs - epoch
            told = f"{self._owner} goes on after epoch {epoch} of {net.max_epochs}, from {path}"
        for _, callback in net.callbacks_:
            if isinstance(callback, Watching):
                callback.on_checkpoint(net, told)
        return left

    def write(self, net: Any, stopped: bool = False) -> None:
        """Write the state after the last epoch, and take away those before the last two.

        Parameters
        ----------
        net : SequenceNet
            Between two epochs.
        stopped : bool, default=False
            A callback, such as early stopping, has ended the training.

        Raises
        ------
        InvalidParameterError
            A callback keeps what cannot be written.
        OSError
            The file cannot be written; those before are untouched.
        """
        self._history += map(_line, net.history[len(self._history) :])
        epoch, writer = len(self._history), Writer()
        tree = writer.tree(state_of(net, self._generators), "state")
        history = np.frombuffer(b"\n".join(self._history), np.uint8)
        description = {
            **self._about,
            "checkpoint": {
                "fit": self._fit,
                "epoch": epoch,
                "stopped": stopped,
                "conditions": self._conditions,
            },
            "state": tree,
        }
        write(self._path(epoch), description, {**writer.arrays, "history": history})
        for other in self._epochs():
            if other <= epoch - KEPT:
                self._path(other).unlink(missing_ok=True)

    def _path(self, epoch: int) -> Path:
        return self._place / f"epoch-{epoch:05}-{self._tag}.checkpoint"

    def _epochs(self) -> list[int]:
        """Return the epochs after which there are files under these conditions, the last first."""
        names = (NAME.fullmatch(path.name) for path in self._place.iterdir())
        return sorted((int(one[1]) for one in names if one and one[2] == self._tag), reverse=True)

    def _newest(self, max_epochs: int) -> tuple[Path, dict, dict] | None:
        """Return the newest file that is whole: its path, description and arrays."""
        epochs = self._epochs()
        for epoch in epochs:
            path = self._path(epoch)
            if epoch > max_epochs:
                continue
            try:
                description, arrays = read(path)
                about = description.get("checkpoint", {})
                if (about.get("fit"), about.get("epoch")) != (self._fit, epoch):
                    raise ModelFileError("it is not what its name says")
                return path, description, arrays
            except FileNotFoundError:  # another process that does the same fit is further
                continue
            except ModelFileError as error:
                self._warn(
                    f"The checkpoint {str(path)!r} is not used: {error.reason or error}. Training "
                    "goes on from the one before it; where there is none, it begins anew."
                )
        if not epochs:
            self._tell_of_others()
        elif epochs[-1] > max_epochs:
            self._warn(
                f"{str(self._place)!r} holds this fit after {epochs[0]} epochs, more than "
                f"max_epochs={max_epochs}. Training begins anew; those files stay."
            )
        return None

    def _tell_of_others(self) -> None:
        """Say so if the same fit has been here under other conditions."""
        others = sorted(path for path in self._place.iterdir() if NAME.fullmatch(path.name))
        for path in reversed(others):
            try:
                description, _ = read_description(path)
                then = description["checkpoint"]["conditions"]
            except (ModelFileError, FileNotFoundError, KeyError, TypeError):
                continue  # it would not be used if it were whole
            names = sorted(then.keys() | self._conditions.keys())
            both = [(name, then.get(name), self._conditions.get(name)) for name in names]
            what = "; ".join(f"{name} was {was}, is {now}" for name, was, now in both if was != now)
            self._warn(
                f"The checkpoint {str(path)!r} is of the same fit under other conditions ({what}), "
                "so it is not used: training begins anew. The file stays."
            )
            return

    def _warn(self, text: str) -> None:
        warnings.warn(text, UserWarning, stacklevel=8)

    def _clear_away(self) -> None:
        """Remove what processes that were killed have left half written; try whether one may."""
        for part in self._place.glob(".*.part"):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink(missing_ok=True)
        trial = self._place / f".{time.monotonic_ns()}.part"
        trial.touch()
        trial.unlink(missing_ok=True)


def refuse_folder(folder: Any) -> None:
    """Refuse a folder that cannot be one: a file stands there, or above it.

    Raises
    ------
    InvalidParameterError
        It is named.
    """
    for path in (Path(folder), *Path(folder).parents):
        if os.path.exists(path):  # False too for what may not be looked at
            if not os.path.isdir(path):
                raise _cannot_write(folder, f"{str(path)!r} is a file")
            return


def _cannot_write(folder: Any, cause: Any) -> InvalidParameterError:
    return InvalidParameterError(
        f"checkpoint={short_repr(str(folder))} cannot be written to: {cause}. Give a folder in "
        "which this process may make files; nothing was trained."
    )


def _line(row: dict[str, Any]) -> bytes:
    """Return a row of the history as a line of text."""
    try:
        return json.dumps(row, separators=(",", ":"), default=_number).encode()
    except (TypeError, ValueError) as cause:
        raise InvalidParameterError(
            f"The history of epoch {row['epoch']} holds what a checkpoint cannot: {cause}. Let "
            "callbacks record numbers and text, or set checkpoint=None."
        ) from cause


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(short_repr(value))
