import pytest
from seqlearn_convlstm import ConvLSTM

from seqlearn.testing import backend_checks


@pytest.mark.parametrize(
    "check",
    backend_checks(ConvLSTM())
    + backend_checks(ConvLSTM(padding="circular", output="flatten", channels=8)),
)
def test_contract(check):
    check()
