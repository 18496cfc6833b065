"""Problems in plain words: what somebody typed, what is allowed, and the nearest key to a misspelt one.

Values of fields that may hold a secret are never repeated, lists and objects neither.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ovh_spawner.domain.model_paths import resolve_path
from ovh_spawner.errors import InvalidSpecError, Problem

_SHOWN_CHARACTERS = 80
"""Longer values are cut: the reader knows the rest."""
_MAX_PROBLEMS = 50
"""Nobody reads more, and the answer to a hostile request stays small."""
_MAX_DEPTH = 10
"""No shape of ours is deeper; what lies below is refused as a whole."""
_SECRET_FIELDS = frozenset(
    {"envVars", "password", "credentials", "secretKey", "accessKey", "privateKey", "key", "token", "value",
     "sshPublicKeys"}
)  # fmt: skip
_CREDENTIALS_IN_URL = re.compile(r"(?<=://).*@", re.DOTALL)
# Whoever forgets https:// writes the token first; the user of SSH addresses is no secret.
_CREDENTIALS_WITHOUT_SCHEME = re.compile(r"^(?!git@[^@]*$).*@", re.DOTALL)
_WORDS = {
    "missing": "is required.",
    "string_type": "must be text",
    "string_unicode": "must be text that UTF-8 can hold",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of usual size",
    "bool_parsing": "must be true or false",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must have the form {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


class Findings:
    """Collects every problem of a request, to report them together."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, field: str, message: str) -> None:
        self.problems.append(Problem(field, message))

    def extend(self, problems: Iterable[Problem]) -> None:
        self.problems.extend(problems)

    def raise_if_any(self) -> None:
        """Raise what was found.

        Raises:
            InvalidSpecError: Something was found.
        """
        if self.problems:
            raise InvalidSpecError(limit_problems(self.problems))


def limit_problems(problems: list[Problem]) -> list[Problem]:
    """Return at most fifty problems, the last one telling how many more there are."""
    return _with_rest(problems, len(problems))


def _with_rest(problems: list[Problem], count: int) -> list[Problem]:
    if count <= _MAX_PROBLEMS:
        return problems
    rest = Problem("", f"{count - _MAX_PROBLEMS} more problems are not listed.")
    return [*problems[:_MAX_PROBLEMS], rest]


def show(value: object) -> str:
    """Return a value as it may stand in a message: short, printable, without credentials of an address."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and value.bit_length() > 256:  # noqa: PLR2004 - 78 digits; printing more is slow
        return "a number of more than 77 digits"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return _show_text(value)
    return "a list" if isinstance(value, list | tuple) else "an object"


def show_url(url: str) -> str:
    """Return an address without credentials and what follows '?' or '#', where people put tokens."""
    masked = _CREDENTIALS_IN_URL.sub("…@", url)
    if masked == url:
        masked = _CREDENTIALS_WITHOUT_SCHEME.sub("…@", url)
    return show(re.split(r"[?#]", masked)[0])


def _show_text(text: str) -> str:
    # The mask first: a cut before it could leave half of a secret.
    masked = _CREDENTIALS_IN_URL.sub("…@", text)
    if len(masked) > _SHOWN_CHARACTERS:
        masked = f"{masked[:_SHOWN_CHARACTERS]}…"
    return repr(masked)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like ``word``, or nothing."""
    by_folded = {text.casefold(): text for text in known}
    found = get_close_matches(word[:100].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def not_one_of(word: str, known: Sequence[str]) -> str:
    """Return the sentences for a word that is not among the known ones."""
    near = nearest(word, known)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"{show(word)} is not known.{hint} Allowed: {', '.join(known) or 'nothing'}."


def problems_from(
    error: ValidationError, prefix: str = "", *, model: type[BaseModel] | None = None
) -> list[Problem]:
    """Return a pydantic error as problems. With the model, unknown keys name the nearest known one."""
    details = error.errors(include_url=False, include_context=True)
    shown = [_problem(detail, prefix, model) for detail in details[:_MAX_PROBLEMS]]
    return _with_rest(shown, len(details))


def _problem(detail: ErrorDetails, prefix: str, model: type[BaseModel] | None) -> Problem:
    loc = detail["loc"]
    if detail["type"] == "extra_forbidden":
        path, known = resolve_path(model, loc[:-1]) if model else (loc[:-1], ())
        return Problem(field_path(path, prefix), unknown_key(str(loc[-1]), known))
    path = resolve_path(model, loc)[0] if model else loc
    return Problem(field_path(path, prefix), _message(detail))


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the sentences for a key that does not exist."""
    near = nearest(key, known)
    hint = f" Did you mean {near!r}?" if near else ""
    allowed = f" Allowed: {', '.join(known)}." if known else ""
    return f"The key {show(key)} is not known here.{hint}{allowed}"


def _message(detail: ErrorDetails) -> str:
    words = _WORDS.get(detail["type"])
    if detail["type"] == "missing" and words:
        return words
    if words:
        words = words.format(**detail.get("ctx", {}))
    else:
        words = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ").rstrip(".")
        words = f"must be {words}" if detail["msg"].startswith("Input should be ") else words
    if _may_be_secret(detail["loc"]):
        return f"{words}."
    return f"{words}, not {show(detail['input'])}."


def _may_be_secret(loc: tuple[int | str, ...]) -> bool:
    return any(part in _SECRET_FIELDS for part in loc)


def field_path(loc: Iterable[int | str], prefix: str = "") -> str:
    """Return a place in the words of the API: volumes[0].mountPath."""
    path = prefix
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            word = part[:100].encode("utf-8", "backslashreplace").decode("utf-8")
            path += f".{word}" if path else word
    return path


def problems_in_texts(data: object) -> list[Problem]:
    """Return the texts that UTF-8 cannot hold (JSON can name half a character), for they cannot be stored."""
    problems = []
    left: list[tuple[object, tuple[int | str, ...]]] = [(data, ())]
    while left:
        value, loc = left.pop()
        if isinstance(value, str) and not _is_utf8(value):
            problems.append(Problem(field_path(loc), _WORDS["string_unicode"] + "."))
        elif isinstance(value, dict) and len(loc) < _MAX_DEPTH:
            left.extend((each, (*loc, str(key))) for key, each in value.items())
            left.extend((key, (*loc, str(key))) for key in value)
        elif isinstance(value, list) and len(loc) < _MAX_DEPTH:
            left.extend((each, (*loc, index)) for index, each in enumerate(value))
    return problems


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
