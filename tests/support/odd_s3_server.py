"""A small fake S3 server that misbehaves: it lists objects of any name, refuses, fails for a while, and never
checks a signature. What ``rclone serve s3`` cannot hold or do, this one can.
"""

import hashlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

_WHEN = ("2026-01-02T03:04:05.000Z", "Fri, 02 Jan 2026 03:04:05 GMT")


class OddS3Server:
    """``objects[bucket][key]`` is what it holds; the other attributes are how it misbehaves."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, bytes]] = {}
        self.refuse: tuple[int, str] | None = None
        """Status and S3 error code for every request."""
        self.refuse_methods: dict[str, tuple[int, str]] = {}
        """Status and S3 error code for requests with a method."""
        self.refuse_keys: dict[str, tuple[int, str]] = {}
        """Status and S3 error code for an object that is listed all the same."""
        self.failures_left = 0
        """So many requests are answered 503 first."""
        self.hold = threading.Event()
        """Bodies of objects are sent only when this is set."""
        self.hold.set()
        self.hold_puts = threading.Event()
        """Bodies of objects are kept only when this is set."""
        self.hold_puts.set()
        self.on_request: Callable[[str, str, str], None] = lambda method, bucket, key: None
        """Called before each request is looked at: what happens at the store meanwhile."""
        self.on_bytes: Callable[[int], None] = lambda received: None
        """Called as the bodies of uploads come in, with how many bytes there were so far."""
        self.received = 0
        self.buckets_are_made = False
        """True: an upload into a bucket that is not there is refused."""
        self.keep: Callable[[bytes], bytes] = lambda body: body
        """What becomes of an uploaded body before it is kept."""
        self.send: Callable[[bytes], bytes] = lambda body: body
        """What is sent of an object's body; Content-Length and ETag are those of the whole."""
        self.sent_time = _WHEN[1]
        """An object's time as it is sent with it; listings keep to theirs."""
        self.requests: list[str] = []
        self.power_losses = 0
        self._http = _Http(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def refusal(self, method: str, key: str) -> tuple[int, str] | None:
        if self.failures_left > 0:
            self.failures_left -= 1
            return 503, "SlowDown"
        return self.refuse or self.refuse_methods.get(method) or self.refuse_keys.get(key)

    def lose_power(self) -> None:
        """Forget what is held: it is neither kept nor answered, as after a loss of power."""
        self.power_losses += 1
        self.hold.set()
        self.hold_puts.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.hold.set()
        self.hold_puts.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=10)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: Any) -> None:
        """Quiet: clients are killed in the middle of an answer on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: OddS3Server

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _body(self) -> bytes:
        left = int(self.headers.get("Content-Length", "0"))
        parts = []
        while left and (part := self.rfile.read(min(left, 16_384))):
            left -= len(part)
            parts.append(part)
            self.s3.received += len(part)
            self.s3.on_bytes(self.s3.received)
        if left:
            raise ConnectionError("the body broke off")
        return b"".join(parts)

    def _serve(self) -> None:
        body = self._body()
        self.s3.requests.append(f"{self.command} {self.path}")
        path, _, query = self.path.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        self.s3.on_request(self.command, bucket, key)
        if refusal := self.s3.refusal(self.command, key):
            self._error(*refusal)
        elif self.command == "PUT":
            self._put(bucket, key, body)
        elif bucket not in self.s3.objects:
            self._error(404, "NoSuchBucket")
        elif not key:
            self._list(bucket, dict(urllib.parse.parse_qsl(query)))
        elif key not in self.s3.objects[bucket]:
            self._error(404, "NoSuchKey")
        elif self.command == "DELETE":
            del self.s3.objects[bucket][key]
            self._answer(204, b"")
        else:
            self._get(self.s3.objects[bucket][key])

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        if key and bucket not in self.s3.objects and self.s3.buckets_are_made:
            self._error(404, "NoSuchBucket")
            return
        objects = self.s3.objects.setdefault(bucket, {})
        if key:
            losses = self.s3.power_losses
            self.s3.hold_puts.wait(120)
            if losses != self.s3.power_losses:
                raise ConnectionError("the power is gone")
            body = self.s3.keep(body)
            objects[key] = body
        self._answer(200, b"", ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def _get(self, data: bytes) -> None:
        headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Last-Modified": self.s3.sent_time}
        if self.command == "GET" and not self.s3.hold.is_set():
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.flush()
            self.s3.hold.wait(60)
            self.wfile.write(data)
            return
        self._answer(200, data, **headers)

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix = query.get("prefix", "")
        items = "".join(
            f"<Contents><Key>{escape(urllib.parse.quote(key))}</Key><Size>{len(data)}</Size>"
            f"<LastModified>{_WHEN[0]}</LastModified><ETag>&quot;{hashlib.md5(data).hexdigest()}&quot;</ETag>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key, data in sorted(self.s3.objects[bucket].items())
            if key.startswith(prefix)
        )
        text = (
            f"<ListBucketResult><Name>{bucket}</Name><EncodingType>url</EncodingType>"
            f"<IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        )
        self._answer(200, text.encode())

    def _error(self, status: int, code: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>{code} of the test server</Message></Error>"
        self._answer(status, text.encode())

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/xml")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            sent = self.s3.send(content) if "ETag" in headers else content
            self.wfile.write(sent)
            self.close_connection = self.close_connection or len(sent) != len(content)

    def log_message(self, *args: Any) -> None:
        """Quiet: tests read ``server.requests``."""


@contextmanager
def odd_s3_server() -> Iterator[OddS3Server]:
    server = OddS3Server()
    server.start()
    try:
        yield server
    finally:
        server.stop()
