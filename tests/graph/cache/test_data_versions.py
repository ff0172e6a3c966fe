"""Versions of data are waited for as long as PostgreSQL may take to fail over, and no longer."""

from time import monotonic

import pytest
from pydantic import SecretStr

from db.errors import DatabaseUnavailable
from graph.cache import data_versions
from graph.cache.key import SharedSubject
from web.services import Services

pytestmark = pytest.mark.anyio


async def test_a_failover_is_waited_for(settings, monkeypatch):
    monkeypatch.setattr(data_versions, "_PATIENCE_S", 0.2)
    away = {
        "database_url": SecretStr("postgresql://nobody@/nothing?host=/nowhere"),
        "database_failover_s": 1.0,
    }
    services = Services.from_settings(settings.model_copy(update=away))
    began = monotonic()
    with pytest.raises(DatabaseUnavailable):
        await services.planner._versions.read({SharedSubject.ALL_ATHLETES})
    assert 1 <= monotonic() - began < 5
    await services.close()
