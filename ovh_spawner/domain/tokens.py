"""Application tokens: how a value is written and read, and what may be asked for.

A value is one word of a fixed length: ``ovhn_``, the token's id, 256 random bits, a checksum. So scanners for
leaked secrets recognise it, and a mistyped one is refused before anything is looked up.
"""

import hashlib
import hmac
import re
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ovh_spawner.domain.access import Role
from ovh_spawner.domain.labels import LabelSelector
from ovh_spawner.domain.problems import Findings, problems_from, problems_in_texts, show
from ovh_spawner.errors import InvalidSpecError

PREFIX = "ovhn_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_BYTES = 32
_ID_LENGTH, _SECRET_LENGTH, _CHECKSUM_LENGTH = 22, 43, 6
"""What 128, 256 and 32 bits need in base 62."""
_VALUE = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_ID_LENGTH}}})[0-9A-Za-z]{{{_SECRET_LENGTH}}}[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}}",
    re.ASCII,
)

MAX_NAME = 64
MAX_SELECTOR = 1024
MAX_PAIRS = 10
"""More labels than anybody scopes a token by; each is one condition of a query."""

ROLES = {
    "read": Role.READ,
    "operator": Role.OPERATOR,
    "ai_training_read": Role.READ,
    "ai_training_operator": Role.OPERATOR,
}
"""The command line's words and the web API's; a token never administers."""


def new_value(token: UUID, random_bytes: bytes) -> str:
    """Return a value of this token, made of at least 32 random bytes."""
    if len(random_bytes) < _SECRET_BYTES:
        raise ValueError("A token needs at least 32 random bytes.")
    secret = int.from_bytes(random_bytes[:_SECRET_BYTES])
    body = f"{PREFIX}{_in_base_62(token.int, _ID_LENGTH)}{_in_base_62(secret, _SECRET_LENGTH)}"
    return body + _checksum(body)


def is_token(value: str) -> bool:
    """Tell whether a credential is meant to be one of ours; whether it is good is another question."""
    return value.startswith(PREFIX)


def token_id(value: str) -> UUID | None:
    """Return which token a value is of; None: it is mistyped or no value at all."""
    match = _VALUE.fullmatch(value)
    if match is None or _checksum(value[:-_CHECKSUM_LENGTH]) != value[-_CHECKSUM_LENGTH:]:
        return None
    number = 0
    for digit in match[1]:
        number = number * len(_ALPHABET) + _ALPHABET.index(digit)
    return UUID(int=number) if number.bit_length() <= 128 else None  # noqa: PLR2004 - bits of a UUID


def hash_value(value: str) -> str:
    """Return what is stored: the value has 256 random bits, so that a fast hash is as good as a slow one."""
    return hashlib.sha256(value.encode()).hexdigest()


def is_value_of(value: str, stored_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_value(value), stored_hash)


def _in_base_62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _checksum(body: str) -> str:
    return _in_base_62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _instant(value: object) -> object:
    # Numbers are no instants here, though pydantic would take them.
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as exc:
        message = "give a time such as 2027-01-31T12:00:00Z"
        raise ValueError(message) from exc


class TokenRequest(BaseModel):
    """What somebody asks for; the vendor's shape, and an end beside it."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=False, validate_by_alias=True, extra="forbid", strict=True,
        frozen=True,
    )  # fmt: skip

    name: str
    role: str = Field(
        description="ai_training_operator or ai_training_read; operator and read are the same.",
        json_schema_extra={"enum": list(ROLES)},
    )
    label_selector: str | None = Field(
        default=None, description="name=value: only notebooks with this label, now or later; none: all."
    )
    region: str | None = Field(default=None, description="The region that it is for; this deployment's.")
    expires_at: Annotated[AwareDatetime | None, BeforeValidator(_instant)] = Field(
        default=None, description="When it ends; without it, when the platform's limit says, or never."
    )


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """A checked request."""

    name: str
    role: Role
    selector: LabelSelector
    expires_at: datetime | None


def parse_terms(data: object, *, region: str, now: datetime, longest: timedelta | None) -> TokenTerms:
    """Return what was asked for, complete and checked.

    Raises:
        InvalidSpecError: naming everything that is wrong.

    """
    findings = Findings()
    findings.extend(problems_in_texts(data))
    findings.raise_if_any()
    try:
        request = TokenRequest.model_validate(data)
    except ValidationError as exc:
        raise InvalidSpecError(problems_from(exc, model=TokenRequest)) from None
    name = request.name.strip()
    if not (1 <= len(name) <= MAX_NAME and name.isprintable()):
        findings.add(
            "name", f"{show(request.name)} is not allowed. A name has 1 to {MAX_NAME} characters, none of "
            "them a control character.",
        )  # fmt: skip
    if request.role not in ROLES:
        findings.add("role", f"{show(request.role)} is no role of a token. Allowed: {', '.join(ROLES)}.")
    if request.region not in {None, "", region}:
        findings.add("region", f"{show(request.region)} is another region; this deployment is {region}.")
    selector = _selector(request.label_selector or "", findings)
    expires_at = _end(request.expires_at, now, longest=longest, findings=findings)
    findings.raise_if_any()
    return TokenTerms(name, ROLES[request.role], selector, expires_at)


def _selector(text: str, findings: Findings) -> LabelSelector:
    try:
        selector = LabelSelector.parse(text[: MAX_SELECTOR + 1])
    except InvalidSpecError as exc:
        findings.extend(exc.problems)
        return LabelSelector()
    names = [name for name, _ in selector.pairs]
    if len(text) > MAX_SELECTOR or len(names) > MAX_PAIRS:
        findings.add(
            "labelSelector", f"At most {MAX_PAIRS} labels and {MAX_SELECTOR} characters are allowed."
        )
    elif len(set(names)) < len(names):
        findings.add("labelSelector", "A label is named twice; no notebook has two values of one label.")
    return selector


def _end(
    asked: datetime | None, now: datetime, *, longest: timedelta | None, findings: Findings
) -> datetime | None:
    latest = now + longest if longest else None
    if asked is None:
        return latest
    if asked <= now:
        findings.add("expiresAt", "This time is over; give a later one.")
    elif latest is not None and asked > latest:
        findings.add(
            "expiresAt",
            f"The platform lets a token live for {longest.days if longest else 0} days at most; give a time "
            f"until {latest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}.",
        )
    return asked.astimezone(UTC)


def selector_text(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a selector as it is written."""
    return ",".join(f"{name}={value}" for name, value in pairs)
