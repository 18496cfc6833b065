"""What goes wrong between a client and the API server: each is asked for by a test, and counted down."""

import asyncio
from dataclasses import dataclass, field

from tests.support.kubernetes.objects import ApiError, Object

_REASONS = {
    400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid",
    429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


@dataclass
class Mishap:
    """One thing that happens to the next ``times`` requests of a verb on a resource (``*``: any)."""

    verb: str
    resource: str
    times: int
    name: str = ""
    delay: float = 0.0
    late: float = 0.0
    """Seconds between doing what was asked and saying so."""
    lose_reply: bool = False
    """Done, and the connection is closed without an answer."""
    answer: tuple[int, str] | None = None

    def fits(self, verb: str, resource: str, name: str) -> bool:
        return (
            self.times > 0
            and self.verb in {verb, "*"}
            and self.resource in {resource, "*"}
            and self.name in {name, ""}
        )


@dataclass
class Misfortunes:
    """Everything that a test may ask for. Verbs are Kubernetes': get, list, watch, create, delete, patch, update."""

    mishaps: list[Mishap] = field(default_factory=list)
    watch_lag: float = 0.0
    """Seconds by which watchers hear later."""
    are_watches_silent: bool = False
    """Open watches stay open and say nothing any more."""
    is_unavailable: bool = False
    """Every request is answered 503."""
    is_hanging: bool = False
    """Every request is taken and never answered."""
    refusals: dict[str, str] = field(default_factory=dict)
    """By resource: a create is answered 403 with this text, as an admission plug-in does."""
    quota: dict[str, int] = field(default_factory=dict)
    """A ResourceQuota ``team``: hard limits of ``pods`` or ``requests.nvidia.com/gpu``, counted over what is there."""

    def next(self, verb: str, resource: str, name: str) -> Mishap | None:
        for mishap in self.mishaps:
            if mishap.fits(verb, resource, name):
                mishap.times -= 1
                return mishap
        return None

    def check_admission(self, resource: str, made: Object, present: list[Object]) -> None:
        name = made["metadata"]["name"]
        if resource in self.refusals:
            raise ApiError(403, "Forbidden", f'{resource} "{name}" is forbidden: {self.refusals[resource]}')
        if resource != "pods":
            return
        for what, hard in self.quota.items():
            used, asked = sum(_amount(what, p) for p in present), _amount(what, made)
            if asked and used + asked > hard:
                facts = f"requested: {what}={asked}, used: {what}={used}, limited: {what}={hard}"
                raise ApiError(403, "Forbidden", f'pods "{name}" is forbidden: exceeded quota: team, {facts}')

    async def before(self, mishap: Mishap | None) -> None:
        if self.is_hanging:
            while self.is_hanging:
                await asyncio.sleep(0.05)
        if self.is_unavailable:
            raise ApiError(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        if mishap is None:
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < mishap.delay:
            await asyncio.sleep(0.02)
        if mishap.answer:
            code, text = mishap.answer
            headers = {"Retry-After": "1"} if code == 429 else {}
            raise ApiError(code, _REASONS.get(code, "Unknown"), text, **headers)


def _amount(what: str, pod: Object) -> int:
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    if what == "pods":
        return 1
    resource = what.removeprefix("requests.")
    containers = pod["spec"]["containers"]
    return sum(int((c.get("resources") or {}).get("limits", {}).get(resource, 0)) for c in containers)
