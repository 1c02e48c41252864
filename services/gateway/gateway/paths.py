"""Request targets: only one spelling of a path is routed, so that nobody further in can read it differently.

A path is forwarded byte for byte as it came. What two programs might read in two ways is refused before
routing: encoded slashes, backslashes, dots, percent signs, semicolons and control characters; dot segments,
empty segments, path parameters, backslashes; what is not printable ASCII; UTF-8 that is not well formed
(overlong forms hide slashes).
"""

import re
from urllib.parse import unquote_to_bytes

from chassis.problems import Invalid

BYTE = r"%(?!2[5EeFf]|3[Bb]|5[Cc]|[01][0-9A-Fa-f]|7[Ff])[0-9A-Fa-f]{2}"
SEGMENT = rf"(?!\.\.?(?:/|\Z))(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|{BYTE})++"
PATH = re.compile(rf"/(?:{SEGMENT}/)*+(?:{SEGMENT})?")
QUERY = re.compile(r"[!-\"$-~]*")


def split(target: str) -> str:
    """The path of a request target. Raises `Invalid` for a target that could be read in more than one way."""
    path, _, query = target.partition("?")
    if PATH.fullmatch(path) is None or QUERY.fullmatch(query) is None or ("%" in path and not _is_utf8(path)):
        raise Invalid("The address of this request is not well formed.")
    return path


def _is_utf8(path: str) -> bool:
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True
