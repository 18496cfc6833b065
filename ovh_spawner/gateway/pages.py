"""The gateway's own answers: small pages for people, JSON for programs, readable without style or script.

Every page that a person can be stuck on says what happened and what to do next.
"""

from html import escape

from aiohttp import web

OWN_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1rem;"
    "color-scheme:light dark}h1{font-size:1.5rem}"
)


def wants_page(request: web.BaseRequest) -> bool:
    """True: a person's browser goes to this address, so a page or a redirect reaches their eyes."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return request.method == "GET" and mode == "navigate" and "text/html" in request.headers.get("Accept", "")


def error(status: int, message: str, code: str) -> web.Response:
    """Return the error shape that the service uses too."""
    headers = dict(OWN_HEADERS)
    if status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    return web.json_response({"message": message, "code": code}, status=status, headers=headers)


def page(
    status: int, title: str, text: str, *, link: tuple[str, str] | None = None, refresh: bool = False
) -> web.Response:
    """Return one short page, with at most one link (address, words)."""
    again = '<meta http-equiv="refresh" content="1">' if refresh else ""
    way = f'<p><a href="{escape(link[0])}">{escape(link[1])}</a></p>' if link else ""
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
        f'<style>{STYLE}</style></head><body><main role="status"><h1>{escape(title)}</h1>'
        f"<p>{escape(text)}</p>{way}</main></body></html>"
    )
    return web.Response(status=status, text=body, content_type="text/html", headers=OWN_HEADERS)


def redirect(location: str) -> web.Response:
    """Send the browser on; nothing of this address goes along."""
    return web.Response(status=302, headers={**OWN_HEADERS, "Location": location})


def starting(request: web.BaseRequest, editor: str) -> web.Response:
    """The editor does not answer yet."""
    text = f"{editor} is starting. It opens here by itself in a moment."
    answer = (
        page(503, f"{editor} is starting", text, refresh=True)
        if wants_page(request)
        else error(503, text, "starting")
    )
    answer.headers["Retry-After"] = "1"
    return answer


def editor_away(request: web.BaseRequest, editor: str) -> web.Response:
    """The editor was ready once and does not answer now."""
    text = (
        f"{editor} does not answer. If it stays so, stop the notebook and start it again; its files are safe."
    )
    if wants_page(request):
        return page(502, f"{editor} does not answer", text, link=("", "Try again"))
    return error(502, text, "editor_away")


def refused(request: web.BaseRequest, user: str, sign_in: str) -> web.Response:
    """A known person who may not."""
    text = f"You are signed in as {user}, who may not open this notebook. Its owner can let you in."
    if wants_page(request):
        return page(403, "This notebook is not open to you", text, link=(sign_in, "Sign in as somebody else"))
    return error(403, text, "forbidden")


def service_away(request: web.BaseRequest) -> web.Response:
    """Nobody told yet who may come in."""
    text = "The hub service does not answer, so nobody can be let in now. Try again in a moment."
    if wants_page(request):
        return page(503, "Please try again in a moment", text, link=("", "Try again"))
    return error(503, text, "service_unavailable")


def not_found() -> web.Response:
    """Not below the prefix, or an own address that does not exist."""
    return error(404, "There is nothing at this address.", "not_found")
