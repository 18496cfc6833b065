"""Addresses of git repositories: which are let in, and where their credentials go."""

import re
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from ovh_spawner.domain.context import ResolutionContext
from ovh_spawner.domain.problems import Findings, show, show_url
from ovh_spawner.domain.spec import PublicGitRequest
from ovh_spawner.domain.states import Door
from ovh_spawner.domain.volumes import GitSource

_MAX_URL = 500
"""Longer than any honest address, short enough for a page and a log line."""
_MAX_REF = 255
"""A ref is a file name in git."""
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+", re.ASCII)
_SCP = re.compile(r"[^/@\s]+@[^/:\s]+:")
_EXAMPLE = "An address looks like https://host/group/repository.git."
# What `git check-ref-format` refuses, and what git would take for an option or an expression.
_BAD_REF = re.compile(r"^[-/.]|\.\.|//|/\.|@\{|[\x00-\x20\x7f~^:?*\[\\]|[/.]$|\.lock(?:/|$)|^@$")
_ANY_USER = "git"
"""Hosts that take a token as the password accept any user name beside it."""


def resolve_git(
    request: PublicGitRequest, field: str, context: ResolutionContext, *, findings: Findings
) -> GitSource | None:
    """Return the source, credentials apart from the address; None when something was found."""
    before = len(findings.problems)
    ref = request.ref or ""
    if ref and (_BAD_REF.search(ref) or len(ref) > _MAX_REF or not ref.isprintable()):
        findings.add(f"{field}.ref", f"{show(ref)} is no name of a branch, a tag or a commit.")
    parts = _split(request.url, f"{field}.url", context, findings=findings)
    if parts is None or len(findings.problems) > before:
        return None
    username, password = _credentials(parts)
    if not (username + password).isprintable():
        # A line break would end the credential early in git's own protocol.
        findings.add(f"{field}.url", "has a control character in its user name or password.")
        return None
    if password and context.door is Door.HUB:
        findings.add(
            f"{field}.url",
            "holds credentials, which JupyterHub would keep in clear. Create the notebook with "
            "'POST /services/ai/v1/notebook' instead, which keeps them encrypted.",
        )
        return None
    host = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=host).geturl()
    return GitSource(
        url=url, ref=ref, username=username, password=SecretStr(password), full=bool(request.full)
    )


def _split(url: str, field: str, context: ResolutionContext, *, findings: Findings) -> SplitResult | None:
    reason, parts = _form_problem(url), None
    if not reason:
        try:
            parts = urlsplit(url)
            reason = _parts_problem(parts, url, context)
        except ValueError:
            reason = f"{show_url(url)} is no address of a repository. {_EXAMPLE}"
    if reason:
        findings.add(field, reason)
        return None
    return parts


def _parts_problem(parts: SplitResult, url: str, context: ResolutionContext) -> str:
    if parts.scheme == "file" and context.git_file_urls and not parts.netloc:
        return ""
    if parts.scheme not in {"http", "https"}:
        return _refused_scheme(parts.scheme, url)
    if not _HOST.fullmatch(parts.hostname or "") or parts.port == 0 or parts.path in {"", "/"}:
        return f"{show_url(url)} names no host with a repository. {_EXAMPLE}"
    if parts.query or parts.fragment:
        # Not shown: people put tokens there.
        return "must end with the repository's path: nothing after '?' or '#'. A branch goes into 'ref'."
    return ""


def _form_problem(url: str) -> str:
    if not url:
        return f"is empty. {_EXAMPLE}"
    if len(url) > _MAX_URL:
        return f"has {len(url)} characters; at most {_MAX_URL} are allowed."
    if url.startswith("-"):
        return f"{show_url(url)} looks like an option. {_EXAMPLE}"
    if not url.isprintable() or " " in url or "\\" in url:
        return f"{show_url(url)} contains white space, a backslash or a control character. {_EXAMPLE}"
    if _SCP.match(url):
        return _no_ssh(url)
    return ""


def _no_ssh(url: str) -> str:
    return (
        f"{show_url(url)} is an address for SSH, and no SSH key is kept here to open it. "
        "Use the repository's https:// address, with a token when it is private."
    )


def _refused_scheme(scheme: str, url: str) -> str:
    if scheme in {"ssh", "git+ssh", "ssh+git"}:
        return _no_ssh(url)
    return f"{show_url(url)} is not allowed. Only http:// and https:// addresses are. {_EXAMPLE}"


def _credentials(parts: SplitResult) -> tuple[str, str]:
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if username and not password:
        # One word before the '@' is as a rule a token: it must not be shown as a name would be.
        return _ANY_USER, username
    return username, password
