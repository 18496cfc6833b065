"""A small hub: it knows people and their tokens, and signs a browser in by OAuth, with PKCE when asked."""

import base64
import hashlib
import json
import secrets
from urllib.parse import parse_qs

from tornado.web import Application, HTTPError, RequestHandler

ACCESS = "access:services!service=ai"


class FakeHubUsers:
    """People by token; ``browser`` is who sits at the browser."""

    def __init__(self, *, service_token: str, base_path: str = "/") -> None:
        self.service_token = service_token
        self.base_path = base_path.rstrip("/")
        self.models: dict[str, dict] = {}
        self.codes: dict[str, dict] = {}
        self.browser = ""
        self.asked = 0
        self.down = False

    def add(
        self, name: str, *, admin: bool = False, kind: str = "user", scopes: tuple[str, ...] = (ACCESS,)
    ) -> str:
        token = secrets.token_hex(16)
        self.models[token] = {
            "kind": kind,
            "name": name,
            "admin": admin,
            "groups": [],
            "scopes": list(scopes),
        }
        return token

    def app(self) -> Application:
        hub = f"{self.base_path}/hub/api"
        given = {"hub": self}
        return Application(
            [
                (f"{hub}/user", _User, given),
                (rf"{hub}/users/([^/]+)", _UserByName, given),
                (f"{hub}/oauth2/authorize", _Authorize, given),
                (f"{hub}/oauth2/token", _Token, given),
            ],
            log_function=lambda _: None,
        )


class _Handler(RequestHandler):
    def initialize(self, hub: FakeHubUsers) -> None:
        self.hub = hub


class _User(_Handler):
    def get(self) -> None:
        self.hub.asked += 1
        if self.hub.down:
            raise HTTPError(503)
        token = self.request.headers.get("Authorization", "").partition(" ")[2]
        if token not in self.hub.models:
            raise HTTPError(403)
        self.finish(self.hub.models[token])


class _UserByName(_Handler):
    """What the service asks with its own token."""

    def get(self, name: str) -> None:
        if self.hub.down:
            raise HTTPError(503)
        if self.request.headers.get("Authorization") != f"token {self.hub.service_token}":
            raise HTTPError(403)
        found = [model for model in self.hub.models.values() if model["name"] == name]
        if not found:
            raise HTTPError(404)
        admin = any(model["admin"] for model in found)
        self.finish({"name": name, "admin": admin, "groups": found[-1]["groups"], "servers": {}})


class _Authorize(_Handler):
    def get(self) -> None:
        if self.get_query_argument("client_id") != "service-ai":
            raise HTTPError(400)
        code = secrets.token_hex(8)
        self.hub.codes[code] = {
            "name": self.hub.browser,
            "challenge": self.get_query_argument("code_challenge", ""),
            "redirect_uri": self.get_query_argument("redirect_uri"),
        }
        state = self.get_query_argument("state")
        self.redirect(f"{self.get_query_argument('redirect_uri')}?code={code}&state={state}")


class _Token(_Handler):
    def post(self) -> None:
        form = {key: values[0] for key, values in parse_qs(self.request.body.decode()).items()}
        granted = self.hub.codes.pop(form["code"], None)
        if granted is None or form["client_secret"] != self.hub.service_token:
            raise HTTPError(400)
        if granted["challenge"]:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != granted["challenge"]:
                raise HTTPError(400)
        self.finish(json.dumps({"access_token": self.hub.add(granted["name"])}))
