"""What stands in front of a deployment: ends TLS with a certificate of its own, and says so to what is behind it."""

import asyncio
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

_NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding"}


def certificate(folder: Path, domain: str) -> Path:
    """Write a certificate for a domain and all hosts below it, with its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(domain), x509.DNSName(f"*.{domain}")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def _serve(port: int, behind: int, pem: Path, stop: asyncio.Event, listening: threading.Event) -> None:
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as client:

        async def forward(request: web.BaseRequest) -> web.Response:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _NOT_PASSED_ON}
            headers["X-Forwarded-Proto"] = "https"
            address = URL(f"http://127.0.0.1:{behind}{request.raw_path}", encoded=True)
            async with client.request(
                request.method, address, headers=headers, data=await request.read(), allow_redirects=False
            ) as answer:
                response = web.Response(status=answer.status, body=await answer.read())
                response.headers.popall("Content-Type", None)
                for name, value in answer.headers.items():
                    if name.lower() not in _NOT_PASSED_ON:
                        response.headers.add(name, value)
                return response

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        runner = web.ServerRunner(web.Server(forward))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        listening.set()
        await stop.wait()
        await runner.cleanup()


@contextmanager
def tls_proxy(port: int, behind: int, pem: Path):
    """Listen on ``port`` with TLS for what listens on ``behind`` without."""
    loop = asyncio.new_event_loop()
    stop, listening = asyncio.Event(), threading.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_serve(port, behind, pem, stop, listening))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert listening.wait(30), "the TLS proxy did not start"
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
