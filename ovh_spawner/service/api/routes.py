"""How an endpoint is declared: one function and one decorator that say all that HTTP and OpenAPI need."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from ovh_spawner.domain.access import Person
from ovh_spawner.service.api.service import Service

QueryT = TypeVar("QueryT", bound=BaseModel)
Handler = Callable[["Call[Any]"], Awaitable[object]]


class Caller(Enum):
    """Who may call a route."""

    USER = "user"
    """A person's hub token."""
    HUB = "hub"
    """The hub's internal token."""
    GATEWAY = "gateway"
    """The gateway token of the run in the path."""
    HUB_OR_GATEWAY = "hub or gateway"
    SSH = "ssh"
    """The SSH endpoint's token."""
    ANYONE = "anyone"


class NoParameters(BaseModel):
    """A route without query parameters."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Call(Generic[QueryT]):
    """One request, checked as far as HTTP can check it."""

    service: Service
    actor: Person
    path: Mapping[str, str]
    query: QueryT
    body: object


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that is no JSON."""

    content: str
    content_type: str
    filename: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """Under the service's prefix (or the root, for internal routes); {name} is a part of the path."""
    handler: Handler
    summary: str
    noun: str
    caller: Caller
    status: int
    answer: Any
    body: type[BaseModel] | None
    query: type[BaseModel]
    errors: tuple[int, ...]
    deprecated: bool


class Routes:
    """The routes of one noun, in the order of their declaration."""

    def __init__(self, noun: str, *, caller: Caller = Caller.USER) -> None:
        self.noun = noun
        self.caller = caller
        self.declared: list[Route] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        answer: Any = None,
        body: type[BaseModel] | None = None,
        query: type[BaseModel] = NoParameters,
        errors: tuple[int, ...] = (),
        caller: Caller | None = None,
        deprecated: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the handler of ``method path``; no answer means 204.

        The first line of its docstring is the summary in the OpenAPI document.
        """

        def declare(handler: Handler) -> Handler:
            self.declared.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    summary=(handler.__doc__ or "").partition("\n")[0].rstrip("."),
                    noun=self.noun,
                    caller=caller or self.caller,
                    status=204 if answer is None else 200,
                    answer=answer,
                    body=body,
                    query=query,
                    errors=errors,
                    deprecated=deprecated,
                )
            )
            return handler

        return declare
