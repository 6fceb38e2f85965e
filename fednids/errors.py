"""The errors that a user can cause; nothing else is caught at the top.

::

    FednidsError
    ├── ConfigError        a setting is unknown, out of range, or contradicts another
    ├── DataError          a flow file cannot be read as what it claims to be
    ├── PartitionError     the flows cannot be dealt as asked
    ├── FederationError    too few gateways answered, or none of their updates was usable
    ├── RunError           a run folder is missing, damaged, or already there
    ├── InterruptedRunError  somebody pressed Ctrl-C; the folder holds all whole rounds
    └── SetupError         the machine's set-up would make a framework fail

Every message is one line of three parts: what was expected, what came, what to do.
"""

from __future__ import annotations


class FednidsError(Exception):
    """Root of all errors that end a command with exit code 2 and one line."""


class ConfigError(FednidsError):
    """A setting is unknown, out of range, or contradicts another."""


class DataError(FednidsError):
    """A flow file cannot be read as what it claims to be."""


class PartitionError(FednidsError):
    """The flows cannot be dealt to the gateways as asked."""


class FederationError(FednidsError):
    """A round had too few usable answers to go on."""


class RunError(FednidsError):
    """A run folder is missing, damaged, or already there."""


class SetupError(FednidsError):
    """The machine's set-up would make a framework fail later and less clearly."""


class InterruptedRunError(FednidsError):
    """Somebody pressed Ctrl-C; the run folder holds all whole rounds."""
