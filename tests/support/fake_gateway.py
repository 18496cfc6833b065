"""A gateway without an editor: ready at once, ends on SIGTERM, or misbehaves as the editor's command says.

``end <code>``: the editor ends with that code before it is ready. ``deaf``: never ready.
``stray``: leaves a process behind.
"""

import http.server
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    folder, behaviour = Path(config["runFolder"]), config["editor"]["command"]
    Path(folder, "seen-environment.json").write_text(json.dumps(dict(os.environ)))
    Path(folder, "seen-config.json").write_text(json.dumps(config))

    def end(code: int, *, ordered: bool) -> None:
        record = {"at": datetime.now(UTC).isoformat(), "exitCode": code, "ordered": ordered}
        Path(folder, "end.json").write_text(json.dumps(record))
        os._exit(code)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ready = self.path == config["prefix"] + "api" and behaviour[0] != "deaf"
            self.send_response(200 if ready else 503)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            end(int(self.path.rpartition("/")[2]), ordered=False)

        def log_message(self, *args) -> None:
            pass

    if behaviour[0] == "end":
        end(int(behaviour[1]), ordered=False)
    if behaviour[0] == "stray":
        stray = subprocess.Popen(
            ["sleep", "600"], start_new_session=True, env=config["editor"]["environment"]
        )
        Path(folder, "stray.pid").write_text(str(stray.pid))
    signal.signal(signal.SIGTERM, lambda *_: end(0, ordered=True))
    server = http.server.HTTPServer(("127.0.0.1", config["port"]), Handler)
    Path(folder, "process.json").write_text("{}")
    server.serve_forever()


if __name__ == "__main__":
    main()
