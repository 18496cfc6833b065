"""A small editor: ``python fake_editor.py <unix socket or port> <root path> [<file that makes it ready>]``.

It tells what reached it, and misbehaves when asked to: ``/stream`` holds its second half back, ``/break``
ends in the middle, ``/deaf`` ignores SIGTERM from then on, ``/quit`` exits, ``/stray`` leaves a
process behind.
"""

import asyncio
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from aiohttp import WSMsgType, web

released = asyncio.Event()


async def echo(request):
    body = hashlib.sha256()
    size = 0
    async for chunk in request.content.iter_any():
        body.update(chunk)
        size += len(chunk)
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "size": size,
            "sha256": body.hexdigest(),
        }
    )


async def stream(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"first\n")
    await released.wait()
    released.clear()
    await response.write(b"second\n")
    return response


async def release(request):
    released.set()
    return web.Response(status=204)


async def big(request):
    response = web.StreamResponse()
    response.content_length = int(request.query["mb"]) * 1_000_000
    await response.prepare(request)
    for _ in range(int(request.query["mb"]) if request.method == "GET" else 0):
        await response.write(b"x" * 1_000_000)
    return response


async def sink(request):
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    return web.Response(text=str(size))


async def cookies(request):
    response = web.Response(text="cookies")
    for line in request.query.getall("set"):
        response.headers.add("Set-Cookie", line)
    return response


async def headers(request):
    return web.Response(
        status=int(request.query.get("status", "200")), headers=json.loads(request.query["headers"])
    )


async def zipped(request):
    return web.Response(
        body=gzip.compress(b"words"), headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    )


async def break_off(request):
    response = web.StreamResponse()
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b"half")
    request.transport.close()
    return response


async def environment(request):
    return web.json_response(dict(os.environ))


async def stray(request):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    return web.json_response({"pid": child.pid})


async def deaf(request):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    return web.Response(text="deaf")


async def quit_now(request):
    asyncio.get_running_loop().call_later(0.05, os._exit, int(request.query["code"]))
    return web.Response(text="bye")


async def websocket(request):
    socket = web.WebSocketResponse(
        protocols=["v1.fake", "v2.fake"], autoping=False, max_msg_size=0, compress=False
    )
    await socket.prepare(request)
    await socket.send_json({"headers": [[name, value] for name, value in request.headers.items()]})
    async for message in socket:
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT and message.data.startswith("close "):
            await socket.close(code=int(message.data.split()[1]), message=b"as asked")
        elif message.type is WSMsgType.TEXT and message.data == "ping me":
            await socket.ping(b"here")
        elif message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.PONG:
            await socket.send_str("pong arrived")
    Path("last_close").write_text(str(socket.close_code))
    return socket


PAGES = {
    "stream": stream,
    "release": release,
    "big": big,
    "sink": sink,
    "cookies": cookies,
    "headers": headers,
    "zipped": zipped,
    "break": break_off,
    "environment": environment,
    "stray": stray,
    "deaf": deaf,
    "quit": quit_now,
    "ws": websocket,
}


async def main(address, root, ready_file):
    async def handle(request):
        if ready_file and not Path(ready_file).exists():
            return web.Response(status=503)
        name = request.raw_path.removeprefix(root).partition("?")[0]
        if name not in PAGES and request.headers.get("Upgrade", "").lower() == "websocket":
            return await websocket(request)
        return await PAGES.get(name, echo)(request)

    runner = web.ServerRunner(
        web.Server(handle, auto_decompress=False, max_line_size=65536, max_field_size=65536)
    )
    await runner.setup()
    site = (
        web.TCPSite(runner, "127.0.0.1", int(address)) if address.isdigit() else web.UnixSite(runner, address)
    )
    await site.start()
    sys.stdout.write("fake editor listens\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""))
