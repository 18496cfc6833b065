"""Names of objects and of files: which can be both, and how rclone writes them.

An object may be called ``../x`` or ``a//b``; a file may not. rclone shows and takes names in its own
spelling: control characters become their pictures (a line feed is ``␊``), names that are taken for folders
become full-width dots, and ``‛`` marks what was spelled like that to begin with. We carry control characters
and leave out the rest by name, since rclone itself loses some of them on the way.
"""

_PICTURES = {code: chr(0x2400 + code) for code in range(1, 32)} | {127: "␡"}
_CHARACTERS = {ord(picture): chr(code) for code, picture in _PICTURES.items()}
_NUL = "␀"
_UNCARRIED = frozenset("‛／") | {_NUL} | frozenset(_PICTURES.values())

LONGEST_NAME = 255
"""Bytes of one part of a path: the limit of Linux file systems."""

LONGEST_KEY = 1024
"""Bytes of an object's name: the limit of S3; Swift takes the same."""


def object_problem(spelled: str) -> str:
    """Return why an object, in rclone's spelling, cannot become a file of the volume; empty when it can."""
    parts = spelled.split("/")
    if spelled.startswith("/"):
        return "its name starts with a slash"
    if any(part in {"", ".", "..", "．", "．．"} for part in parts):
        return "its name has an empty, '.' or '..' part, which no file can have"
    if _NUL in spelled:
        return "its name has a NUL character, which no file can have"
    if any(mark in spelled for mark in "‛／"):
        return "its name holds characters that cannot be carried"
    if any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"a part of its name is longer than {LONGEST_NAME} bytes"
    return ""


def file_problem(name: str) -> str:
    """Return why a file cannot become an object of the same name; empty when it can."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    if any(mark in name for mark in _UNCARRIED) or any(part in {"．", "．．"} for part in name.split("/")):
        return "its name holds characters that cannot be carried"
    if length > LONGEST_KEY:
        return f"its path is longer than the {LONGEST_KEY} bytes of an object's name"
    return ""


def spell(name: str) -> str:
    """Return a file's name in rclone's spelling."""
    return name.translate(_PICTURES)


def unspell(spelled: str) -> str:
    """Return the real name of what rclone spells so."""
    return spelled.translate(_CHARACTERS)


def show(name: str) -> str:
    """Return a name that can be printed and sent as JSON."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def parents(name: str) -> list[str]:
    """Return the folders above a name, outermost first: a, a/b for a/b/c."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
