"""The notebook's prefix against the raw path of a request.

A path is cut and joined as text and never decoded: %2F in a file's name must reach the editor as %2F.
"""

from urllib.parse import unquote


class Prefix:
    """The path under which the notebook lives, with a slash at both ends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._segments = [unquote(segment) for segment in path.split("/")[:-1]]

    def rest_of(self, raw_path: str) -> str | None:
        """Return what follows the prefix, with the query; None when the path is not below the prefix."""
        if raw_path.startswith(self.path):
            return raw_path[len(self.path) :]
        # The same prefix may arrive with other escapes: a browser writes @ where the hub wrote %40.
        path, mark, query = raw_path.partition("?")
        depth = len(self._segments)
        parts = path.split("/", depth)
        if len(parts) <= depth or [unquote(part) for part in parts[:depth]] != self._segments:
            return None
        return parts[depth] + mark + query

    def is_without_slash(self, raw_path: str) -> bool:
        """True: the prefix as people type it, without its last slash."""
        path = raw_path.partition("?")[0]
        return not path.endswith("/") and self.rest_of(path + "/") == ""

    def below(self, rest: str) -> str:
        """Return a path on this host that is surely below the prefix, for a redirect."""
        # With the prefix "/", a rest of "/evil" or "\evil" would read as another host's address.
        return self.path + rest.lstrip("/\\")

    def put_back(self, path: str) -> str:
        """Return an absolute path that an editor at / gave, as the browser must ask for it."""
        if path.startswith(self.path) or path + "/" == self.path:
            return path
        return self.path + path.removeprefix("/")
