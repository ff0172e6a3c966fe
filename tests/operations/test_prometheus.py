"""Debian's Prometheus scrapes what `/metrics` would show, and fires each alert: none before, then once.

Its time runs 120 times as fast: so much shorter are all durations of the rules.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from tests.operations.alert_causes import FIRED_BY
from tests.operations.programs import DEPLOY, free_port, running

pytestmark = pytest.mark.operations

FASTER = 120
MINUTE_S = 60 / FASTER
WELL_S = 4
WITHIN_S = 90
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\[|for: )(\d+)([smhd])\b")


class Api:
    """What an API process shows to Prometheus: well at first, then as the causes tell."""

    def __init__(self, port: int, causes: dict[str, dict[str, str]]) -> None:
        self._causes = causes
        self.ill_since: float | None = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = api.text().encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def text(self) -> str:
        lines = []
        for alert, causes in self._causes.items():
            for series, values in causes.items():
                if not series.startswith("up{"):  # Prometheus' own
                    # Each alert has series of its own.
                    named = series.replace('instance="', f'instance="{alert}-')
                    lines.append(f"{named.replace(', ', ',')} {self._value(values)}")
        return "\n".join(lines) + "\n"

    def _value(self, values: str) -> float:
        phases = values.split()
        if self.ill_since is None or len(phases) == 1:
            return _first(phases[0])[0]
        start, step = _first(phases[1])
        return start + step * (time.monotonic() - self.ill_since) / MINUTE_S

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _first(phase: str) -> tuple[float, float]:
    """The value that a phase begins with, and by how much it rises in a minute."""
    start, _, step = phase.rpartition("x")[0].partition("+")
    return float(start), float(step or 0)


def _faster(rules: str) -> str:
    def shortened(found: re.Match[str]) -> str:
        ms = int(found[2]) * UNITS_S[found[3]] * 1000 / FASTER
        return f"{found[1]}{ms:.0f}ms"

    return _DURATION.sub(shortened, rules)


@contextmanager
def prometheus(folder: Path, *targets: int) -> Iterator[str]:
    """Run Prometheus with the rules, faster; gives its address."""
    rules = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    (folder / "alerts.yml").write_text(_faster(rules))
    every = f"{MINUTE_S * 1000:.0f}ms"
    config = {
        "global": dict.fromkeys(
            ("scrape_interval", "scrape_timeout", "evaluation_interval"), every
        ),
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "pacegraph",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in targets]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        "/usr/bin/prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, port, folder):
        yield f"http://127.0.0.1:{port}"


def test_each_alert_fires_once(tmp_path):
    ports = free_port(), free_port()
    api, gone = Api(ports[0], FIRED_BY), Api(ports[1], {})
    try:
        with prometheus(tmp_path, *ports) as address:
            until = time.monotonic() + WITHIN_S
            while len(_series(address, "up == 1")) < len(ports):  # it finds targets after 5 s
                assert time.monotonic() < until
                time.sleep(0.2)
            time.sleep(WELL_S)
            assert _firing(address) == Counter()
            named = sum(
                not each.startswith("up{") for causes in FIRED_BY.values() for each in causes
            )
            assert len(_series(address, '{__name__=~"pacegraph_.+"}')) == named
            gone.close()
            api.ill_since = time.monotonic()
            wanted = Counter(list(FIRED_BY))
            until = time.monotonic() + WITHIN_S
            while (firing := _firing(address)) != wanted and time.monotonic() < until:
                time.sleep(0.5)
            assert firing == wanted
    finally:
        api.close()


def _firing(address: str) -> Counter[str]:
    answer = httpx.get(f"{address}/api/v1/alerts", trust_env=False).json()
    return Counter(
        each["labels"]["alertname"]
        for each in answer["data"]["alerts"]
        if each["state"] == "firing"
    )


def _series(address: str, query: str) -> list[dict]:
    answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, trust_env=False)
    return answer.json()["data"]["result"]
