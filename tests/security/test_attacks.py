"""Each attack of the table is made on real API processes, and what comes back is what the table
says.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from graph.global_id import encode_id
from settings import load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA
from tests.security import table
from tests.security.attacks import ATTACKS, Attack
from tests.security.attacks.world import World
from tests.web.api_process import api_process
from tests.web.subscriber import cookie_of

pytestmark = pytest.mark.whole

TRUSTED = "query Version { __typename }"


@pytest.fixture(scope="module")
def world(clone, connect_to, redis_server_url: str, tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("attacks")
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({sha256(TRUSTED.encode()).hexdigest(): TRUSTED}))
    with ExitStack() as stack:
        url = stack.enter_context(clone())
        db = stack.enter_context(connect_to(url))
        settings = load_settings(
            None,
            database_url=url,
            redis_url=redis_server_url,
            pacegraph_home=folder,
            **SECRETS,
            **STRAVA,
        )
        variants = {
            "default": {},
            "production": {"introspection": "off", "graphiql": "off"},
            "enforce": {"trusted_documents": "enforce", "trusted_documents_manifest": manifest},
        }
        logs = {name: folder / name for name in variants}
        servers = {}
        for name, changes in variants.items():
            logs[name].mkdir()
            servers[name] = stack.enter_context(
                api_process(settings, logs[name], **changes)
            ).address
        victim, attacker, admin = (
            make.create_person(db, first_name="Vera"),
            make.create_person(db),
            make.create_admin(db),
        )
        session = cookie_of(settings, db, victim)
        activity = make.create_activity(db, victim.athlete_id)
        effort = make.create_best_effort(db, activity)
        make.create_personal_best(db, effort)
        job = make.create_job(db, victim.athlete_id)
        hidden = {
            "Athlete": victim.athlete_id,
            "Activity": activity,
            "BestEffort": effort,
            "PersonalBest": effort,
            "Job": job,
        }
        yield World(
            servers=servers,
            victim=victim,
            attacker=attacker,
            admin=admin,
            cookie=session,
            hidden={name: encode_id(name, number) for name, number in hidden.items()},
            trusted=("Version", TRUSTED),
            log=lambda name: (logs[name] / "api.log").read_text(),
            end_session=lambda: None,
        )


@pytest.mark.parametrize(
    "attack", [pytest.param(each, id=each.name) for group in ATTACKS.values() for each in group]
)
def test_an_attack_gets_what_the_table_says(world: World, attack: Attack):
    world.answers.clear()
    assert asyncio.run(attack.run(world)) == attack.came_back
    for answer in world.answers:
        assert answer.status < 500
        assert not table.LEAKS.search(answer.body.decode(errors="replace")), answer.body


def test_the_table_is_that_of_the_attacks():
    assert Path(table.README).read_text() == table.written(), (
        "python -m tests.security.table --write"
    )


def test_the_tests_that_the_table_names_are_there():
    assert {
        each.more_in
        for group in ATTACKS.values()
        for each in group
        if not (table.ROOT / each.more_in).exists()
    } == set()
