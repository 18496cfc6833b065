"""Structured log lines on standard error: an event's name and its facts."""

import logging
import re
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from ovh_spawner.domain.tokens import PREFIX

SECRET_WORDS = ("token", "password", "secret", "credential", "cookie_key", "access_key")


_TOKEN = re.compile(rf"{PREFIX}[0-9A-Za-z]+", re.ASCII)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank out facts whose name or form says that they are secret: the last net, not the first."""
    for key, value in event.items():
        if any(word in key for word in SECRET_WORDS):
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = _TOKEN.sub(f"{PREFIX}***", value)
    return event


def configure_logging(program: str, *, as_json: bool = False) -> None:
    """Send this program's events, and the standard library's warnings, to standard error."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            # After the traceback is text: it may quote what somebody sent.
            hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(program=program)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
