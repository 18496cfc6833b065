"""What every pod of the cluster benchmark answers with: a program of its own, so that it costs the hub nothing."""

import sys

from aiohttp import web
from jupyterhub import __version__


async def answer(_request: web.Request) -> web.Response:
    """Say that the server is up, as a hub wants to hear it."""
    return web.json_response({"version": "1"}, headers={"X-JupyterHub-Version": __version__})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    web.run_app(application, host=sys.argv[1], port=int(sys.argv[2]), print=None, access_log=None)
