"""What people do over SSH in their notebook, with the real OpenSSH client: shells, commands, files, ports."""

import os
import pty
import re
import socket
import subprocess
import threading
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ovh_spawner.loopback import free_port
from tests.ssh.running import BANNER
from tests.support.waiting import wait_for


@pytest.fixture
def workspace(notebook):
    return notebook.folder / "workspace"


def test_a_command_runs_in_the_notebook_with_its_folder_and_variables(ada, notebook, workspace):
    done = ada.ssh("pwd; echo $CHOSEN $HOME $SHELL; echo $ENDPOINT_ONLY$GATEWAY_ONLY; echo $OVH_SPAWNER_RUN")

    assert done.returncode == 0, done.stderr
    folder, variables, foreign, run = done.stdout.decode().splitlines()
    assert folder == str(workspace)
    assert variables == f"by the user {workspace} /bin/bash"
    assert foreign == ""
    assert run == str(notebook.config.run)


def test_exit_codes_signals_and_both_outputs_come_back(ada):
    done = ada.ssh("echo out; echo err >&2; exit 41")

    assert (done.returncode, done.stdout) == (41, b"out\n")
    assert b"err\n" in done.stderr
    assert ada.ssh("kill -9 $$").returncode == 255
    assert ada.ssh("exec no-such-program").returncode == 127


def test_everybody_who_connects_sees_the_banner(ada, eve):
    assert BANNER in ada.ssh("true").stderr.decode()
    assert BANNER in eve.ssh("true").stderr.decode()


def test_megabytes_pass_unchanged_both_ways(ada):
    data = os.urandom(5_000_000)

    assert ada.ssh("cat", input=data).stdout == data


def test_a_command_that_does_not_read_its_input_ends_and_the_connection_lives(ada):
    assert ada.ssh("echo done", input=bytes(3_000_000)).stdout == b"done\n"


def test_a_shell_has_a_terminal_of_the_client_s_size(ada):
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    said = bytearray()

    def hears(pattern: bytes) -> bool:
        try:
            said.extend(os.read(ours, 65_536))
        except BlockingIOError:
            pass
        except OSError:
            return bool(re.search(pattern, said))
        return bool(re.search(pattern, said))

    subprocess.run(["stty", "rows", "33", "cols", "101"], stdin=theirs, check=True)
    environment = {**os.environ, "TERM": "xterm-256color"}
    client = subprocess.Popen(
        ada.command(), stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        wait_for(lambda: hears(rb"\$ |# "), what="a prompt")
        os.write(ours, b"stty size; echo $TERM $SSH_TTY; tty\n")
        wait_for(lambda: hears(rb"33 101\r\n"), what="the terminal's size")
        wait_for(lambda: hears(rb"xterm-256color /dev/pts/\d+\r\n/dev/pts/\d+"), what="the terminal's name")
        os.write(ours, b"sleep 600\n")
        wait_for(lambda: hears(rb"sleep 600\r\n"), what="a program that runs")
        os.write(ours, b"\x03")
        os.write(ours, b"exit 7\n")
        assert wait_for(lambda: hears(rb"exit\r\n") and client.poll() is not None, what="the end")
        assert client.returncode == 7
    finally:
        client.kill()
        client.wait()
        os.close(ours)


def test_a_client_chooses_its_language_and_nothing_that_steers_programs(ada):
    sent = {**os.environ, "LC_TIME": "C.UTF-8", "LD_PRELOAD_NOT": "x", "CHOSEN": "by the client"}
    more = ("-o", "SendEnv=LC_TIME CHOSEN LD_PRELOAD_NOT")

    done = ada.ssh("echo $LC_TIME,$CHOSEN,$LD_PRELOAD_NOT", more=more, env=sent)

    assert done.stdout == b"C.UTF-8,by the user,\n"


@pytest.mark.parametrize("protocol", [(), ("-O",)], ids=["sftp", "older"])
def test_scp_copies_folders_there_and_back(ada, workspace, tmp_path, protocol):
    there, back = tmp_path / f"there{len(protocol)}", tmp_path / "back"
    (there / "deep").mkdir(parents=True)
    (there / "deep" / "größe.bin").write_bytes(os.urandom(100_000))

    sent = ada.run("scp", *protocol, "-r", str(there), "{}:")
    got = ada.run("scp", *protocol, "-r", f"{{}}:{there.name}", str(back))

    assert (sent.returncode, got.returncode) == (0, 0), sent.stderr + got.stderr
    content = (there / "deep" / "größe.bin").read_bytes()
    assert (workspace / there.name / "deep" / "größe.bin").read_bytes() == content
    assert (back / "deep" / "größe.bin").read_bytes() == content


def test_sftp_begins_in_the_workspace(ada, workspace, tmp_path):
    (tmp_path / "a.txt").write_text("one")
    steps = f"pwd\nput {tmp_path}/a.txt b.txt\nrename b.txt c.txt\nget c.txt {tmp_path}/d.txt\nls\n"

    done = ada.run("sftp", "-b", "-", "{}", input=steps.encode())

    assert done.returncode == 0, done.stderr
    assert f"Remote working directory: {workspace}" in done.stdout.decode()
    assert (workspace / "c.txt").read_text() == (tmp_path / "d.txt").read_text() == "one"


@pytest.fixture
def page_port(workspace):
    """The port of a program in the notebook that shows its folder."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: SimpleHTTPRequestHandler(*given, directory=str(workspace))
    )
    server.RequestHandlerClass.log_message = lambda *_: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (workspace / "page.txt").write_text("from the notebook")
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_port_of_the_notebook_is_forwarded(ada, page_port):
    port = free_port()
    client = ada.open(more=("-N", "-L", f"127.0.0.1:{port}:127.0.0.1:{page_port}"))
    try:
        wait_for(lambda: _listens(port), what="the forwarded port")
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/page.txt", timeout=60) as answer:
                assert answer.read() == b"from the notebook"
    finally:
        client.kill()
        client.communicate()


def test_remote_editors_get_a_shell_without_terminal_and_any_port_on_one_connection(ada, page_port):
    """As VS Code Remote-SSH begins: a script for a shell, and a SOCKS proxy to what the script started."""
    port = free_port()
    client = ada.open("bash", more=("-T", "-D", f"127.0.0.1:{port}"))
    try:
        client.stdin.write(b"echo listening on $((1 + 1))\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"listening on 2\n"
        wait_for(lambda: _listens(port), what="the proxy")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as through:
            through.sendall(b"\x05\x01\x00")
            assert through.recv(2) == b"\x05\x00"
            through.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + page_port.to_bytes(2))
            assert through.recv(10)[:2] == b"\x05\x00"
            through.sendall(b"GET /page.txt HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: through.recv(65_536), b""))
        assert answer.endswith(b"from the notebook")
        client.stdin.write(b"exit 4\n")
        client.stdin.flush()
        assert client.wait(120) == 4
    finally:
        client.kill()
        client.communicate()


def test_a_notebook_s_unix_socket_is_forwarded(ada, workspace):
    path = workspace / "s"
    port = free_port()
    client = None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path) if len(str(path)) > 100 else str(path))
        listener.listen()
        try:
            client = ada.open(more=("-N", "-L", f"127.0.0.1:{port}:{path}"))
            wait_for(lambda: _listens(port), what="the forwarded port")
            with socket.create_connection(("127.0.0.1", port), timeout=60) as caller:
                inside = _accept_with(listener, caller)
                inside.sendall(b"hello")
                assert caller.recv(5) == b"hello"
                inside.close()
        finally:
            if client:
                client.kill()
                client.communicate()


def test_several_sessions_share_one_connection(ada, tmp_path):
    path = ("-o", f"ControlPath={tmp_path}/c")
    first = ada.open("echo first; cat", more=(*path, "-o", "ControlMaster=yes"))
    try:
        assert first.stdout.readline() == b"first\n"

        assert ada.ssh("echo second", more=path).stdout == b"second\n"

        assert first.communicate(b"third\n", timeout=120)[0] == b"third\n"
    finally:
        first.kill()
        first.communicate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _accept_with(listener: socket.socket, caller: socket.socket) -> socket.socket:
    """Return the connection that is the caller's: looking whether the port listens has made others."""
    caller.sendall(b"!")
    while True:
        inside, _ = listener.accept()
        inside.settimeout(60)
        if inside.recv(1) == b"!":
            return inside
        inside.close()
