"""A proxy for hubs that tests speak to directly: remembers routes and carries nothing."""

from jupyterhub.proxy import Proxy


class MuteProxy(Proxy):
    should_start = False

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.routes: dict[str, dict] = {}

    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        return self.routes
