"""When somebody last did something here. A tab that was left open does nothing, however much it talks.

Pages ask for news, save their layout and tell of changed files all by themselves: an idle VS Code says three words a
second. So what counts is what changes something (every method but the safe ones), going to a page, what is typed into a
kernel or a terminal, what VS Code only says when somebody types or clicks, and on websockets of other programs more
words a minute than an idle page says. Which words these are was seen in real browsers that nobody touched.
"""

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime

from aiohttp.web import BaseRequest

from ovh_spawner.gateway.origins import SAFE_METHODS

Words = bytes | bytearray | str
Listener = Callable[[Words], None]

_BY_ITSELF = re.compile(r"lab/api/workspaces/", re.ASCII)
"""JupyterLab saves its layout every ten seconds, changed or not."""

_SPEAKS_WHEN_USED = re.compile(r"(?:api/kernels/[^/]+/channels|terminals/websocket/[^/]+)\Z", re.ASCII)
"""Paths of websockets on which a page says something only when somebody does."""

_OF_VSCODE = "reconnectionToken="
"""In the address of each of VS Code's websockets."""

_TYPED_OR_CLICKED = re.compile(
    rb"\$(?:acceptEditorPropertiesChanged|acceptTabOperation|acceptTerminalInteraction|executeContributedCommand)"
    rb"|remoteterminal.{1,4}\$input",
    re.DOTALL,
)
_LOOKED_AT = 4096
"""Bytes of a word in which the name of what is called stands."""

IDLE_WORDS_A_MINUTE = 20
"""Of programs that we do not know: who works in one says more."""

_MINUTE = 60.0


class Activity:
    """The time of the last sign of a person (or a program that works here)."""

    def __init__(self, *, now: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self.last: datetime | None = None

    def note(self) -> None:
        """Somebody did something."""
        self.last = self._now()

    def see_request(self, request: BaseRequest, rest: str) -> None:
        """Look at a request that was let in; ``rest`` is its path below the program's prefix."""
        is_going_somewhere = request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
        is_change = request.method not in SAFE_METHODS and not _BY_ITSELF.match(rest)
        if is_change or is_going_somewhere:
            self.note()

    def listener(self, rest: str) -> Listener:
        """Return what to call with each word that a browser says on a websocket."""
        path, _, query = rest.partition("?")
        if _SPEAKS_WHEN_USED.search(path):
            return lambda _: self.note()
        if _OF_VSCODE in query:
            return self._hear_vscode
        return self._counter()

    def _hear_vscode(self, words: Words) -> None:
        if isinstance(words, bytes | bytearray) and _TYPED_OR_CLICKED.search(words, 0, _LOOKED_AT):
            self.note()

    def _counter(self) -> Listener:
        heard: deque[float] = deque(maxlen=IDLE_WORDS_A_MINUTE)

        def hear(_: Words) -> None:
            at = self._monotonic()
            if len(heard) == IDLE_WORDS_A_MINUTE and heard[0] > at - _MINUTE:
                self.note()
            heard.append(at)

        return hear
