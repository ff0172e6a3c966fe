"""What attacks are made on: API processes, and people who have something to lose."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.factories import Person
from tests.security.http_connection import Answer, Connection, post, request

ACCEPT = {"accept": "application/graphql-response+json"}


@dataclass
class World:
    """Processes by name: `default` (settings as they come), `production` (closed: no introspection,
    no GraphiQL) and `enforce` (only trusted documents). `cookie` is a session of `victim`'s;
    `hidden` are ids of what only they see.
    """

    servers: dict[str, str]
    victim: Person
    attacker: Person
    admin: Person
    cookie: str
    hidden: dict[str, str]
    trusted: tuple[str, str]
    log: Callable[[str], str]
    end_session: Callable[[], None]
    answers: list[Answer] = field(default_factory=list)

    async def send(self, *requests: bytes, server: str = "default") -> Answer:
        """Send one after another on one connection; gives the last answer."""
        connection = Connection(self.servers[server])
        for each in requests:
            self.answers.append(await connection.send(each))
        await connection.end()
        return self.answers[-1]

    async def ask(
        self, query: str, token: str | None = None, server: str = "default", headers: dict[str, str] | None = None,
        **members: Any,
    ) -> Answer:  # fmt: skip
        """Send an operation, as who knows GraphQL's own media type."""
        given = {
            **ACCEPT,
            **({"authorization": f"Bearer {token}"} if token else {}),
            **(headers or {}),
        }
        return await self.send(post(query, given, **members), server=server)

    async def get(self, target: str, server: str = "default", **headers: str) -> Answer:
        return await self.send(request("GET", target, {**ACCEPT, **headers}), server=server)


def outcome(answer: Answer) -> str:
    """Status and code, as the table has them."""
    return f"{answer.status} {answer.code}".strip()


def data_of(answer: Answer) -> Any:
    return json.loads(answer.body).get("data")


Run = Callable[[World], Awaitable[str]]


@dataclass(frozen=True)
class Attack:
    """`came_back` is what must come back; `more_in` names the tests that hold it from all sides."""

    name: str
    known_from: str
    sent: str
    came_back: str
    more_in: str
    run: Run


class Attacks:
    """A list that is written by decorating what runs each."""

    def __init__(self) -> None:
        self.all: list[Attack] = []

    def add(
        self, name: str, known_from: str, sent: str, came_back: str, more_in: str
    ) -> Callable[[Run], Run]:
        def note(run: Run) -> Run:
            self.all.append(Attack(name, known_from, sent, came_back, more_in, run))
            return run

        return note
