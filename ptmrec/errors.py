"""The errors a user can cause. Each message is one line: what, where, what to do."""


class PtmrecError(Exception):
    """Base of every error that the command line shows as one line, with its exit status."""

    status = 2


class ConfigError(PtmrecError):
    """A value in a configuration file, environment variable or override cannot be used."""


class ArtifactError(PtmrecError):
    """A file (card, weights, tokens, ground truth, checkpoint) is missing, damaged or inconsistent."""


class DataError(PtmrecError):
    """Images or labels given by the user cannot be used."""

    status = 4


class NothingLeftError(PtmrecError):
    """No model is left to recommend."""

    status = 3


class TrainingError(PtmrecError):
    """Training had to stop (for example a non-finite loss); the last good checkpoint is kept."""
