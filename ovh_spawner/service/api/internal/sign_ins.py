"""``/internal/v1/sign-ins``: what the hub asks of people who sign in there with an application token."""

from ovh_spawner.contract.sign_in import SignedInToken, TokenSignIn, TokenUserAnswer, TokenUserQuestion
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("sign-ins", caller=Caller.HUB)


@ROUTES.route("POST", "/internal/v1/sign-ins", answer=SignedInToken, body=TokenSignIn, errors=(400, 403))
async def sign_in(call: Call[NoParameters]) -> SignedInToken:
    """Say which hub user shows this token."""
    asked = read_message(TokenSignIn, call.body)
    user = await call.service.operations.token_sign_in.sign_in(
        asked.token.get_secret_value(), address=asked.address
    )
    return SignedInToken(user=user)


@ROUTES.route(
    "POST", "/internal/v1/sign-ins/refresh", answer=TokenUserAnswer, body=TokenUserQuestion, errors=(400,)
)
async def refresh(call: Call[NoParameters]) -> TokenUserAnswer:
    """Say whether a hub user who came with a token may stay."""
    user = read_message(TokenUserQuestion, call.body).user
    return TokenUserAnswer(may_stay=await call.service.operations.token_sign_in.may_stay(user))
