"""What API processes import: no library that they hardly ever use, and none that is only there."""

import json
import subprocess
import sys
from textwrap import dedent

_UNUSED = {
    "cryptography.fernet": "secrets of Strava, with the first sign-in",
    "httpx": "Strava, with the first sign-in",
    "numpy": "recordings, in workers",
    "opentelemetry.sdk": "traces, where OTLP_ENDPOINT is set",
    "psycopg": "jobs, and commands",
    "psutil": "how long a document took, with the first large one",
    "pydantic.v1.main": "models of it, which are none",
    "rq": "jobs, with the first of them",
    "websockets": "WebSockets, with the first",
    "watchfiles": "a server that starts anew when files change",
}


def test_a_process_that_can_answer_has_none_of_them():
    script = """
        import json, sys
        from runtime.lean_imports import import_without_extras
        import_without_extras()
        import asyncio
        from settings import Settings
        from web import create_app
        key = "A" * 43 + "="
        app = create_app(Settings(_env_file=None, database_url="postgresql://u@127.0.0.1/x",
            redis_url="redis://127.0.0.1", secret_key="s" * 32, token_encryption_keys=key,
            strava_client_id="1", strava_client_secret="s"))
        scope = {"type": "http", "method": "GET", "path": "/healthz", "raw_path": b"/healthz",
            "query_string": b"", "headers": [], "client": ("127.0.0.1", 1), "scheme": "http"}
        statuses = []
        async def receive(): return {"type": "http.request"}
        async def send(message): statuses.append(message.get("status"))
        asyncio.run(app(scope, receive, send))
        found = [name for name, module in sys.modules.items() if module is not None]
        from fastapi.openapi import models
        from pydantic import BaseModel
        class Built(BaseModel): pass
        built = [Built.__pydantic_complete__, models.OpenAPI.__pydantic_complete__]
        document = app.openapi()
        print(json.dumps([statuses[0], found, built, document["openapi"]]))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
    )
    status, loaded, built, openapi = json.loads(done.stdout)
    assert status == 200
    assert {"web.app", "jwt", "redis.asyncio", "uvicorn"} <= set(loaded)
    assert set(loaded) & _UNUSED.keys() == set()
    assert (built, openapi) == ([True, False], "3.1.0")  # models of documents are built for these


def test_the_api_is_the_same_with_modules_from_the_file(tmp_path):
    """Its OpenAPI document and its schema have all of their descriptions."""
    script = """
        import json, sys
        from pathlib import Path
        from runtime import kept_modules as kept
        kept.file_of = lambda name: Path(sys.argv[1])
        sys.dont_write_bytecode = False
        with kept.kept_modules("api"):
            from runtime.lean_imports import import_without_extras
            import_without_extras()
            from graph.schema.build import print_schema
            from settings import Settings
            from web import create_app
            key = "A" * 43 + "="
            settings = Settings(_env_file=None, database_url="postgresql://u@127.0.0.1/x",
                redis_url="redis://127.0.0.1", secret_key="s" * 32, token_encryption_keys=key,
                strava_client_id="1", strava_client_secret="s")
            app = create_app(settings)
        loaders = [type(each.__loader__).__module__ for each in list(sys.modules.values())
            if getattr(each, "__loader__", None)]
        print(json.dumps([loaders.count(kept.__name__), app.openapi(), print_schema()]))
    """
    first, second = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", dedent(script), str(tmp_path / "kept")],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(2)
    )
    assert (first[0], second[0] > 500) == (0, True)
    assert second[1:] == first[1:]
