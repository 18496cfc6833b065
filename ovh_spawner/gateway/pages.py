"""The gateway's own answers: small pages for people, JSON for programs, readable without style or script.

Every page that a person can be stuck on says what happened and what to do next.
"""

from dataclasses import dataclass
from html import escape

from aiohttp import web

from ovh_spawner.gateway.targets import Target

OWN_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1rem;"
    "color-scheme:light dark}h1{font-size:1.5rem}label{display:block}"
    "input,button,.button{font:inherit;padding:.4rem .8rem;border:1px solid;border-radius:.3rem}"
    "input{width:100%;box-sizing:border-box;margin:.3rem 0 .8rem}"
    ".button{display:inline-block;text-decoration:none}[role=alert]{border-left:.3rem solid #c33;padding-left:.8rem}"
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
    way = f'<p><a href="{escape(link[0])}">{escape(link[1])}</a></p>' if link else ""
    body = f'<main role="status"><h1>{escape(title)}</h1><p>{escape(text)}</p>{way}</main>'
    return _document(status, title, body, refresh=refresh)


def _document(status: int, title: str, body: str, *, refresh: bool = False) -> web.Response:
    again = '<meta http-equiv="refresh" content="1">' if refresh else ""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=OWN_HEADERS)


@dataclass(frozen=True, slots=True)
class TokenForm:
    """What the sign-in page needs."""

    action: str
    next: str
    hub: str
    problem: str


def sign_in(form: TokenForm, *, status: int) -> web.Response:
    """Ask how to sign in. Nothing on it tells of the notebook."""
    alert = f'<p role="alert">{escape(form.problem)}</p>' if form.problem else ""
    body = (
        "<main><h1>Sign in to open this notebook</h1>"
        f"{alert}"
        f'<p><a class="button" href="{escape(form.hub)}">Sign in with your account</a></p>'
        f'<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="next" value="{escape(form.next)}">'
        '<label for="token">Or with an application token</label>'
        '<input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required>'
        "<button>Sign in with the token</button></form></main>"
    )
    answer = _document(status, "Sign in to open this notebook", body)
    # Without any referrer a browser does not say either which page a form is from.
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def redirect(location: str, *, after_form: bool = False) -> web.Response:
    """Send the browser on; nothing of this address goes along."""
    # 303: what follows a form is fetched, not sent again.
    return web.Response(status=303 if after_form else 302, headers={**OWN_HEADERS, "Location": location})


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


def away(request: web.BaseRequest, target: Target) -> web.Response:
    """Nobody answers there (any more)."""
    if target.port:
        text = (
            f"Nothing answers on port {target.port} of this notebook. Start the program there (a terminal of the "
            "notebook will do), then try again."
        )
        code, title = "port_away", f"Nothing answers on port {target.port}"
    else:
        text = (
            f"{target.name} does not answer. If it stays so, stop the notebook and start it again; "
            "its files are safe."
        )
        code, title = "editor_away", f"{target.name} does not answer"
    if wants_page(request):
        return page(502, title, text, link=("", "Try again"))
    return error(502, text, code)


def refused(request: web.BaseRequest, visitor: str, sign_in: str) -> web.Response:
    """A known visitor who may not."""
    kind, _, name = visitor.partition(":")
    who = f"You are signed in as {name}, who" if kind == "user" else "You are signed in with a token that"
    text = f"{who} may not open this notebook (any more). Its owner or project can let you in."
    if wants_page(request):
        return page(403, "This notebook is not open to you", text, link=(sign_in, "Sign in in another way"))
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
