"""What a gateway asks about its own run: the policy, and who a code belongs to."""

from ovh_spawner.contract.policy import AccessPolicy, Admission, RedeemCode
from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("access", caller=Caller.GATEWAY)


@ROUTES.route("GET", "/internal/v1/runs/{run}/policy", answer=AccessPolicy, errors=(404,))
async def get_policy(call: Call[NoParameters]) -> AccessPolicy:
    """Get who may come in."""
    return await call.service.operations.runs.policy(path_id(call.path["run"], "run"))


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
