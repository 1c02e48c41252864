"""Why a part is not there."""


class PartMissing(RuntimeError):
    """A server's programs are not installed; the message names the Debian package."""


class PartFailed(RuntimeError):
    """A server did not start; the message holds the end of its log."""
