"""A stand-in for Strava that serves whatever it is given, also what no simulator would accept."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Recording:
    """One activity as Strava would send it, part by part; any JSON."""

    summary: Any
    detail: Any
    streams: Any


class Standin:
    """Serves `recordings` on one page, newest first, by the ids that it knows them by."""

    def __init__(self) -> None:
        self.recordings: dict[int, Recording] = {}
        routes = {
            "/api/v3/athlete": self._athlete,
            "/api/v3/athlete/activities": self._list,
            "/api/v3/activities/{id:int}": self._detail,
            "/api/v3/activities/{id:int}/streams": self._streams,
        }
        self.app = Starlette(routes=[Route(path, route) for path, route in routes.items()])

    def _athlete(self, _: Request) -> Response:
        return answer({"id": 1001})

    def _list(self, request: Request) -> Response:
        is_first = "before" not in request.query_params and request.query_params["page"] == "1"
        return answer([each.summary for each in self.recordings.values()] if is_first else [])

    def _detail(self, request: Request) -> Response:
        return self._part(request, "detail")

    def _streams(self, request: Request) -> Response:
        return self._part(request, "streams")

    def _part(self, request: Request, name: str) -> Response:
        recording = self.recordings.get(request.path_params["id"])
        return answer(getattr(recording, name)) if recording else answer({}, 404)


def answer(body: Any, status: int = 200) -> Response:
    """JSON as lenient as Python's: NaN and Infinity are written."""
    return Response(json.dumps(body), status, media_type="application/json")


@contextmanager
def standin_strava() -> Iterator[tuple[Standin, str]]:
    """Serve one on a free port of this machine; gives it and its address."""
    standin = Standin()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(standin.app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield standin, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
