"""Errors become what JupyterHub shows: one plain sentence and a status, never a raw exception or a body."""

from tornado import web

from ovh_spawner.errors import OVHSpawnerError, RefusedError, UpstreamError
from ovh_spawner.hub.compat import spawn_error

_STATUS = {
    "invalid": 400,
    "wrong_state": 400,
    "start_failed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "quota_exceeded": 403,
    "not_found": 404,
    "hub": 502,
    "launch": 500,
}

INTERNAL = (
    "The notebook could not be started because of an internal error. Try again; "
    "if it happens again, tell the operator."
)


def status_of(error: OVHSpawnerError) -> int:
    """Return the HTTP status that goes with an error."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, RefusedError):
        return 400
    return 503 if isinstance(error, UpstreamError) else 500


def refusal(error: OVHSpawnerError) -> web.HTTPError:
    """Return the exception by which JupyterHub tells the user what ``error`` says."""
    return spawn_error(error.message, code=error.code, status=status_of(error))


def internal_refusal() -> web.HTTPError:
    """Return what the user is told about an error of ours that nobody foresaw; the log has the rest."""
    return spawn_error(INTERNAL, code="internal", status=500)


def sentence_of(error: web.HTTPError) -> str:
    """Return what may be shown of an exception that JupyterHub or one of ours raised."""
    message = getattr(error, "jupyterhub_message", None)
    if message:
        return str(message)
    # JupyterHub's own refusals are written for people; its internal errors are not.
    return str(error.log_message) if error.status_code < 500 and error.log_message else INTERNAL  # noqa: PLR2004
