"""Try to reach addresses, as a program inside of a notebook would: what connects, what is refused, what is silent."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What came of a try."""

    CONNECTED = "connected"
    REFUSED = "refused"
    SILENT = "no answer"
    UNKNOWN_NAME = "name not known"

    @property
    def words(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Target:
    """An address, and whether a notebook should reach it."""

    name: str
    host: str
    port: int | None
    """None: only the name is looked up."""
    is_allowed: bool

    @property
    def address(self) -> str:
        if self.port is None:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A target and what came of it."""

    target: Target
    outcome: Outcome

    @property
    def is_right(self) -> bool:
        """Say whether the network did what it should.

        A refusal from a forbidden address is right: some network plugins deny by answering "refused". So is an
        unknown name, but not where the address is allowed.
        """
        return (self.outcome is Outcome.CONNECTED) is self.target.is_allowed


async def reach_all(targets: Sequence[Target], *, seconds: float) -> list[Finding]:
    """Try all at once; the slowest is waited for at most ``seconds``."""
    outcomes = await asyncio.gather(*(_reach(target, seconds) for target in targets))
    return [Finding(target, outcome) for target, outcome in zip(targets, outcomes, strict=True)]


async def _reach(target: Target, seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await _connect(target)
    except TimeoutError:
        return Outcome.SILENT
    except socket.gaierror:
        return Outcome.UNKNOWN_NAME
    except ConnectionRefusedError:
        return Outcome.REFUSED
    except OSError:
        # "No route", "prohibited": denied on the way.
        return Outcome.SILENT


async def _connect(target: Target) -> Outcome:
    if target.port is None:
        await asyncio.get_running_loop().getaddrinfo(target.host, None)
        return Outcome.CONNECTED
    _reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Outcome.CONNECTED
