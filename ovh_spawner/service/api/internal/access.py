"""What a gateway asks about its own run: the policy, and who a code belongs to."""

from ovh_spawner.contract.policy import AccessPolicy, Admission, PresentToken, RedeemCode, VisitorsNow
from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("access", caller=Caller.GATEWAY)


@ROUTES.route(
    "POST",
    "/internal/v1/runs/{run}/policy",
    answer=AccessPolicy,
    body=VisitorsNow,
    errors=(400, 404),
)
async def get_policy(call: Call[NoParameters]) -> AccessPolicy:
    """Get who of those who are there may stay, and who of those who come may come in."""
    visitors = read_message(VisitorsNow, call.body).visitors
    return await call.service.operations.access.policy(path_id(call.path["run"], "run"), visitors)


@ROUTES.route(
    "POST",
    "/internal/v1/runs/{run}/redeem",
    answer=Admission,
    body=RedeemCode,
    errors=(400, 403, 404),
)
async def redeem(call: Call[NoParameters]) -> Admission:
    """Exchange a single-use code."""
    code = read_message(RedeemCode, call.body).code
    try:
        return await call.service.operations.access.redeem(path_id(call.path["run"], "run"), code)
    except UnauthenticatedError as exc:
        # 401 would tell the gateway that its own token is wrong.
        raise PermissionDeniedError(exc.message) from exc


@ROUTES.route(
    "POST",
    "/internal/v1/runs/{run}/token",
    answer=Admission,
    body=PresentToken,
    errors=(400, 403, 404),
)
async def present_token(call: Call[NoParameters]) -> Admission:
    """Show an application token."""
    token = read_message(PresentToken, call.body).token.get_secret_value()
    return await call.service.operations.access.present_token(path_id(call.path["run"], "run"), token)
