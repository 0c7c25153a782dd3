"""Checks of the parameters of losses over classes, which classifier and tagger share."""

from seqlearn.errors import InvalidParameterError
from seqlearn.modules.heads.losses import CLASS_LOSSES
from seqlearn.parameter_checks import Check, number, one_of

__all__ = ["CLASS_LOSS_CHECKS", "refuse_other_loss"]

CLASS_LOSS_CHECKS: dict[str, Check] = {
    "loss": one_of(*CLASS_LOSSES),
    "label_smoothing": number("[0, 1)"),
}


def refuse_other_loss(loss: str, label_smoothing: float, where: str) -> None:
    """Raise an InvalidParameterError unless loss and label_smoothing are left as they come."""
    if loss != "cross_entropy" or label_smoothing:
        raise InvalidParameterError(
            f"loss={loss!r} and label_smoothing={label_smoothing}, but {where} there is one loss "
            "alone, the likelihood. Leave both out: loss='cross_entropy', label_smoothing=0.0."
        )
