"""Where a request came from, for the audit log: behind proxies, the header that they add to says it."""

from ipaddress import ip_address

from tornado.httputil import HTTPServerRequest

from ovh_spawner.service.operations.audit import ORIGIN, Origin


def note_origin(request: HTTPServerRequest, *, proxies: int, credential: str, number: str) -> None:
    """Remember where this request came from, until it is answered."""
    ORIGIN.set(Origin(address=caller_address(request, proxies), credential=credential, request=number))


def caller_address(request: HTTPServerRequest, proxies: int) -> str:
    """Return the address that the outermost of our own proxies saw; what stands before it, anybody can write."""
    given = ",".join(request.headers.get_list("X-Forwarded-For")).split(",")
    if proxies and len(given) >= proxies:
        try:
            return str(ip_address(given[-proxies].strip().removeprefix("[").removesuffix("]")))
        except ValueError:
            pass
    return str(request.remote_ip)
