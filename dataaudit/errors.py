"""What can go wrong, as a tree.

DataAuditError
├── InputError             the user can mend it: exit code 2
│   ├── DatasetError       the dataset can't be audited as it is
│   └── StaleError         work left by an earlier run belongs to other data, another recipe or another version
├── ClusterError           the machines that train were lost
└── NumericsError          a value that must be finite isn't: names the sample, the layer or the run
    └── SampleError        where only a sample's position is known, for callers to name it
"""


class DataAuditError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(DataAuditError):
    """What was given can't be used; the message says what was expected, what was found, where, and what to do."""


class DatasetError(InputError):
    """The dataset can't be audited as it is."""


class StaleError(InputError):
    """Results kept from an earlier run don't match what is asked for now."""


class ClusterError(DataAuditError):
    """The machines that train were lost; what they had finished is kept."""


class NumericsError(DataAuditError):
    """A value that must be finite is not."""


class SampleError(NumericsError):
    """A sample's value is not finite; `position` is its place among the samples that were passed in."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(f"{what} of the sample at position {position} is not finite")
        self.what = what
        self.position = position
