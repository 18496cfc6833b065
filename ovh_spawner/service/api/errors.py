"""The one place that knows which HTTP status an error is. Refusals are shown, failures are logged."""

from http import HTTPStatus

from tornado.web import HTTPError

from ovh_spawner.contract.api_v1_values import ErrorBody, FieldProblem
from ovh_spawner.errors import (
    ConfigError,
    InvalidSpecError,
    LedgerUnavailableError,
    NotFoundError,
    OVHSpawnerError,
    PermissionDeniedError,
    QuotaExceededError,
    RefusedError,
    ServiceUnavailableError,
    UnauthenticatedError,
    UpstreamError,
)

_STATUS: tuple[tuple[type[OVHSpawnerError], int], ...] = (
    # The vendor's client knows 400, 401, 403 and 404 only; a wrong state is a 400 there. First match counts.
    (UnauthenticatedError, 401),
    (QuotaExceededError, 403),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (RefusedError, 400),
    (ServiceUnavailableError, 503),
    (LedgerUnavailableError, 503),
    (UpstreamError, 502),
    (ConfigError, 500),
)

_HTTP_CODES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


class BodyTooLargeError(InvalidSpecError):
    """The request's body is above the limit; the one refusal whose status says more than 400."""

    code = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__([])
        self.message = f"The body is larger than {limit} bytes, the most that a request may hold."


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, HTTPError):
        return error.status_code
    if isinstance(error, BodyTooLargeError):
        return 413
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def is_failure(error: BaseException) -> bool:
    """Whether the operator should read of it: everything that the caller cannot act on."""
    return status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR


def body_of(error: BaseException, *, request_id: str) -> ErrorBody:
    """Return what the caller is told."""
    status = status_of(error)
    if isinstance(error, InvalidSpecError) and error.problems:
        problems = [FieldProblem(field=p.field, message=p.message) for p in error.problems]
        return ErrorBody(message=error.message, code=error.code, problems=problems)
    if isinstance(error, OVHSpawnerError) and not isinstance(error, ConfigError):
        return ErrorBody(message=error.message, code=error.code)
    if isinstance(error, HTTPError) and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        # The reason phrase, never tornado's log message: that may quote the request.
        reason = error.reason or HTTPStatus(status).phrase
        return ErrorBody(message=f"{reason}.", code=_HTTP_CODES.get(status, "refused"))
    return ErrorBody(
        message=f"Something went wrong here. Tell the operator this request's number: {request_id}.",
        code="internal",
    )
