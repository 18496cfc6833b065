"""A person's JupyterLab session behind the gateway: open the page, run code in a kernel over its websocket."""

import json
import re
import uuid
from typing import Any

from websockets.sync.client import connect

from tests.support.stack import Person
from tests.support.waiting import wait_for


class LabSession:
    """One kernel of one notebook."""

    def __init__(self, person: Person, url: str) -> None:
        self.person = person
        self.url = url.rstrip("/")
        # RUNNING is told a moment before the hub's proxy leads there; until then the hub shows its own page.
        wait_for(self._shows_lab, what="JupyterLab's page", seconds=120)
        self.kernel = self._api("POST", "api/kernels", json={"name": "python3"})["id"]

    def _shows_lab(self) -> bool:
        page = self.person.get(f"{self.url}/lab")
        return page.status_code == 200 and "jupyter-config-data" in page.text

    def run(self, code: str, *, seconds: float = 180) -> str:
        """Execute a cell and return what it printed; an exception in it fails the test."""
        session = uuid.uuid4().hex
        address = (
            f"{self.url.replace('http', 'ws', 1)}/api/kernels/{self.kernel}/channels?session_id={session}"
        )
        headers = {"Cookie": self._cookies(), "Origin": self.person.stack.url}
        with connect(address, additional_headers=headers, open_timeout=60) as socket:
            request = _execute_request(code, session)
            socket.send(json.dumps(request))
            return _output(socket, request["header"]["msg_id"], seconds)

    def run_in_terminal(self, command: str) -> str:
        """Type a command in a terminal and return what it printed."""
        self._type_in_terminal(f"{command} > ~/.said; touch ~/.is-said")
        self.run(
            "import pathlib, time\nwhile not pathlib.Path('~/.is-said').expanduser().exists(): time.sleep(0.1)"
        )
        return self.run("print(pathlib.Path('~/.said').expanduser().read_text())").strip()

    def _type_in_terminal(self, command: str) -> None:
        """Open a terminal, and type a line when its prompt is there."""
        name = self._api("POST", "api/terminals")["name"]
        address = f"{self.url.replace('http', 'ws', 1)}/terminals/websocket/{name}"
        headers = {"Cookie": self._cookies(), "Origin": self.person.stack.url}
        with connect(address, additional_headers=headers, open_timeout=60) as socket:
            printed = ""
            while not re.search(r"[$#%>] ?", printed):
                kind, text, *_ = json.loads(socket.recv(timeout=60))
                printed += text if kind == "stdout" else ""
            socket.send(json.dumps(["stdin", f"{command}\r"]))

    def _api(self, method: str, path: str, **keywords: Any) -> dict[str, Any]:
        headers = {"X-XSRFToken": self._xsrf(), "Origin": self.person.stack.url}
        answer = self.person.request(method, f"{self.url}/{path}", headers=headers, **keywords)
        assert answer.status_code < 300, f"{answer.status_code} {answer.text[:500]}"
        return answer.json()

    def _xsrf(self) -> str:
        own = self.url.removeprefix(self.person.stack.url)
        found = [c.value for c in self.person.cookies.jar if c.name == "_xsrf" and c.path.startswith(own)]
        return found[0] if found else ""

    def _cookies(self) -> str:
        path = self.url.removeprefix(self.person.stack.url) + "/"
        return "; ".join(f"{c.name}={c.value}" for c in self.person.cookies.jar if path.startswith(c.path))


def _execute_request(code: str, session: str) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "username": "test",
        "session": session,
        "msg_type": "execute_request",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


def _output(socket: Any, request_id: str, seconds: float) -> str:
    printed = ""
    while True:
        message = json.loads(socket.recv(timeout=seconds))
        if message["parent_header"].get("msg_id") != request_id:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            printed += content["text"]
        elif kind == "error":
            raise AssertionError("\n".join(content["traceback"]))
        elif kind == "status" and content["execution_state"] == "idle":
            return printed
