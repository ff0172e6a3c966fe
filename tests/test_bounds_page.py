"""The pages of operators name each setting that bounds something, and each metric."""

import re
from pathlib import Path

from settings.accounts import AccountSettings
from settings.answers import AnswerSettings
from settings.clients import ClientSettings
from settings.documents import DocumentSettings
from settings.files import FileSettings
from settings.jobs import JobSettings
from settings.limits import LimitSettings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / name for name in ("protection.md", "operations.md")]
BOUNDS = (
    AccountSettings, AnswerSettings, ClientSettings, DocumentSettings, FileSettings, JobSettings,
    LimitSettings,
)  # fmt: skip
"""Modules of settings whose numbers bound something."""
METRIC = re.compile(r'_(?:counter|gauge|labelled)\(\s*"(\w+)"|"pacegraph_(\w+)"')


def test_each_setting_that_bounds_is_named():
    told = "".join(page.read_text() for page in PAGES)
    numbers = {
        name.upper()
        for module in BOUNDS
        for name, field in module.model_fields.items()
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    }
    assert len(numbers) > 50
    assert {name for name in numbers if not re.search(rf"\b{name}\b", told)} == set()


def test_each_metric_is_told():
    told = "".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    found = {
        first or second
        for path in [ROOT / "web/routes/metrics.py", *(ROOT / "web").glob("*_gauges.py")]
        for first, second in METRIC.findall(path.read_text())
    }
    assert len(found) > 50
    assert {each for each in found if not re.search(rf"pacegraph_{each}(_total)?\b", told)} == set()
