"""An OpenID provider that signs in whoever comes, and answers with the ID token that a test makes."""

import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY_ID = "the-key"


class LyingProvider:
    """Honest until told otherwise: ``make_token`` may be replaced, and what userinfo says."""

    def __init__(self) -> None:
        socket, port = bind_unused_port()
        self.issuer = f"http://127.0.0.1:{port}"
        self.stated_issuer = self.issuer
        self.userinfo = {"sub": "eve", "name": "Eve", "groups": ["ai"]}
        self.make_token: Callable[[], str] = self.honest_token
        self.is_down = False
        given = {"provider": self}
        self._server = HTTPServer(
            Application(
                [
                    (r"/.well-known/openid-configuration", _Document, given),
                    (r"/authorize", _Authorize, given),
                    (r"/token", _Token, given),
                    (r"/userinfo", _UserInfo, given),
                    (r"/jwks", _Keys, given),
                ],
                log_function=lambda _: None,
            )
        )
        self._server.add_socket(socket)

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def claims(self, **changes) -> dict:
        now = int(time.time())
        good = {"iss": self.issuer, "sub": "eve", "aud": "hub", "iat": now, "exp": now + 600}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def honest_token(self) -> str:
        return self.token()

    def token(self, *, key=KEY, algorithm: str = "RS256", key_id: str = KEY_ID, **changes) -> str:
        return jwt.encode(self.claims(**changes), key, algorithm=algorithm, headers={"kid": key_id})


class _Handler(RequestHandler):
    def initialize(self, provider: LyingProvider) -> None:
        self.provider = provider

    def prepare(self) -> None:
        if self.provider.is_down:
            self.send_error(503)


class _Document(_Handler):
    def get(self) -> None:
        base = self.provider.issuer
        self.finish(
            {
                "issuer": self.provider.stated_issuer,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "userinfo_endpoint": f"{base}/userinfo",
                "jwks_uri": f"{base}/jwks",
            }
        )


class _Authorize(_Handler):
    def get(self) -> None:
        answer = urlencode({"code": "a-code", "state": self.get_argument("state")})
        self.redirect(f"{self.get_argument('redirect_uri')}?{answer}")


class _Token(_Handler):
    def post(self) -> None:
        self.finish(
            {
                "access_token": "an-access-token",
                "token_type": "Bearer",
                "id_token": self.provider.make_token(),
            }
        )


class _UserInfo(_Handler):
    def get(self) -> None:
        self.finish(self.provider.userinfo)


class _Keys(_Handler):
    def get(self) -> None:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        self.finish({"keys": [{**key, "kid": KEY_ID, "use": "sig"}]})
