"""The one exception of the package."""


class ConvertError(Exception):
    """What failed, where, the values seen and what to do, in one sentence; the command exits with 2."""
