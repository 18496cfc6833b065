"""The service as the SSH endpoint sees it: which key enters which notebook. On a port of its own, in a thread."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "the-endpoint-s-own"


@dataclass
class FakeService:
    """Facts to set: the keys of notebooks, the way to them, whether it answers at all."""

    keys: dict[str, list[str]] = field(default_factory=dict)
    ways: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Address, prefix, token and run by notebook; or only a message, when none runs."""
    away: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    entered: list[dict[str, str]] = field(default_factory=list)
    """What the endpoint told for the audit log."""

    def __enter__(self):
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.headers["Authorization"] == f"Bearer {TOKEN}"
                status = 503 if service.away else 200 if known else 401
                told = self.path.endswith("/entered")
                if status == 200 and told:
                    service.entered.append(json.loads(body))
                answer = service.answer(json.loads(body)) if status == 200 and not told else {}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, question: dict[str, str]) -> dict[str, Any]:
        notebook, key = question["notebook"], question["key"]
        self.asked.append((notebook, key))
        if key not in self.keys.get(notebook, []):
            return {"allowed": False}
        return {"allowed": True, **self.ways[notebook]}
