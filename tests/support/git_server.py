"""A real git server for tests: git's own ``http-backend`` behind Python's HTTP server on a free port.

Use it as ``with git_server(tmp_path) as server: url = server.create("repo", files={"README.md": "hello"})``.
With ``username`` and ``password`` every request needs basic authentication.
"""

import base64
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


def run_git(*args: str, cwd: Path) -> str:
    """Run git without anybody's configuration and return what it prints."""
    done = subprocess.run(["git", *args], cwd=cwd, env=_AUTHOR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class GitServer:
    """A running server. Repositories are bare folders that http-backend serves."""

    def __init__(
        self, folder: Path, *, username: str = "", password: str = "", host: str = "127.0.0.1"
    ) -> None:
        self.root = folder / "git"
        self.works = folder / "git-work"
        self.username, self.password = username, password
        self.requests: list[str] = []
        """Method and path of every request, also of refused ones."""
        self.credentials: list[str] = []
        """The Authorization header of every request that had one."""
        self.knows_filters = True
        """Whether new repositories can be cloned without the contents of old files, as the large hosts offer."""
        self.redirect_to = ""
        """Where every admitted request is sent on to: the beginning of an address."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.works.mkdir(parents=True, exist_ok=True)
        self._http = ThreadingHTTPServer((host, 0), type("Handler", (_Handler,), {"git": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self._http.server_address[:2])

    def address(self, name: str) -> str:
        return f"{self.url}/{name}.git"

    def create(self, name: str, *, files: Mapping[str, str | bytes]) -> str:
        """Create a repository with one commit on branch ``main`` and return its address."""
        run_git("init", "--quiet", "--bare", "--initial-branch=main", f"{name}.git", cwd=self.root)
        run_git(
            "config", "uploadpack.allowFilter", str(self.knows_filters).lower(), cwd=self.root / f"{name}.git"
        )
        run_git("init", "--quiet", "--initial-branch=main", name, cwd=self.works)
        run_git("remote", "add", "origin", str(self.root / f"{name}.git"), cwd=self.works / name)
        self.commit(name, files=files)
        return self.address(name)

    def commit(
        self, name: str, *, files: Mapping[str, str | bytes], branch: str = "main", tag: str = ""
    ) -> str:
        """Add a commit (and a tag) to a branch, which starts at what is checked out, and return its hash."""
        work = self.works / name
        run_git("checkout", "--quiet", "-B", branch, cwd=work)
        for path, content in files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        run_git("add", "--all", cwd=work)
        run_git("commit", "--quiet", "--allow-empty", "--message", f"change {branch}", cwd=work)
        if tag:
            run_git("tag", tag, cwd=work)
        run_git("push", "--quiet", "--force", "--tags", "origin", branch, cwd=work)
        return run_git("rev-parse", "HEAD", cwd=work)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=10)

    def admits(self, authorization: str) -> bool:
        if not self.username:
            return True
        expected = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return authorization == f"Basic {expected}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    git: GitServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self, body: bytes) -> None:
        self.git.requests.append(f"{self.command} {self.path}")
        if "Authorization" in self.headers:
            self.git.credentials.append(self.headers["Authorization"])
        if not self.git.admits(self.headers.get("Authorization", "")):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        if self.git.redirect_to:
            self._answer(302, {"Location": f"{self.git.redirect_to}{self.path}"}, b"")
            return
        with tempfile.TemporaryFile() as given:
            given.write(body)
            given.seek(0)
            with subprocess.Popen(
                ["git", "http-backend"],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(body),
            ) as backend:
                self._pass_on(backend.stdout)

    def _pass_on(self, said: IO[bytes]) -> None:
        """Send the backend's answer as it comes: a repository may be larger than the memory."""
        headers = {}
        while (line := said.readline().decode().rstrip("\r\n")) and ": " in line:
            name, _, value = line.partition(": ")
            headers[name] = value
        self.send_response(int(headers.pop("Status", "200 OK" if headers else "500").split()[0]))
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        while part := said.read(1024 * 1024):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _environment(self, body: bytes) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        return _AUTHOR | {
            "GIT_PROJECT_ROOT": str(self.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Quiet: tests read ``server.requests``."""


@contextmanager
def git_server(
    folder: Path, *, username: str = "", password: str = "", host: str = "127.0.0.1"
) -> Iterator[GitServer]:
    """Run a server whose repositories live in ``folder / "git"``."""
    server = GitServer(folder, username=username, password=password, host=host)
    server.start()
    try:
        yield server
    finally:
        server.stop()
