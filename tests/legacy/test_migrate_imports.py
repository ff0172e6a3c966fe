"""How imports are rewritten: what comes out, what is left, and that nothing else is touched."""

import os
import stat
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

import cli
from legacy.migrate_imports.module_rewrite import rewrite
from legacy.migrate_imports.own_modules import OwnModules


def rewritten(
    text: str,
    folder: Path = Path("/nowhere"),
    exported: frozenset[str] = frozenset(),
    *,
    reads_settings: bool = False,
):
    file = folder / "a.py"
    given = file, OwnModules(file, folder), set(exported)
    data, remarks = rewrite(dedent(text).encode(), *given, reads_settings=reads_settings)
    again, _ = rewrite(data, *given, reads_settings=reads_settings)
    assert again == data
    return data.decode(), [(remark.line, remark.message) for remark in remarks]


def becomes(before: str, after: str):
    assert rewritten(before) == (dedent(after), [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from database import get_db", "from db.session import get_db_sync as get_db"),
        ("from core.database import get_db as a", "from db.session import get_db_sync as a"),
        ("from database import get_db as get_db_sync", "from db.session import get_db_sync"),
        (
            "from database import SessionLocal, get_db",
            "from db.session import sync_sessions as SessionLocal, get_db_sync as get_db",
        ),
        ("from core.logging import get_logger", "from logging import getLogger as get_logger"),
        (
            "from core.database import get_db_sync\ns = get_db_sync()",
            "from db.session import sync_sessions as get_db_sync\ns = get_db_sync()",
        ),
        (
            "from core.database import get_db_sync\nDepends(get_db_sync)",
            "from db.session import get_db_sync\nDepends(get_db_sync)",
        ),
        (
            "from database import engine as e",
            "from db.session import sync_engine\ne = sync_engine()",
        ),
        ("import database", "import db.session as database"),
        (
            "import database as d\nd.SessionLocal()",
            "from db.session import sync_sessions as SessionLocal\nSessionLocal()",
        ),
        (
            "import core.database\ncore.database.Base",
            "from db.models.base import ApplicationBase as Base\nBase",
        ),
        (
            "from core import database as d\nd.get_db",
            "from db.session import get_db_sync as get_db\nget_db",
        ),
        (
            "from core.logging import setup_logging\nsetup_logging()",
            'from logs import set_up\nfrom settings import load_settings\nset_up(load_settings(), "app")',
        ),
        (
            "import os; from database import get_db; x = 1",
            "import os; from db.session import get_db_sync as get_db; x = 1",
        ),
        ("if x: from database import get_db", "if x: from db.session import get_db_sync as get_db"),
        (
            "try:\n    from core.database import Base\nexcept ImportError:\n    pass",
            "try:\n    from db.models.base import ApplicationBase as Base\nexcept ImportError:\n    pass",
        ),
        ("import os, database, sys  # all", "import os, sys  # all\nimport db.session as database"),
    ],
)
def test_each_form_of_import(before, after):
    becomes(before, after)


def test_comments_and_layout_stay():
    becomes(
        """\
        # above
        from database import (  # why
            # a word on get_db
            get_db,   # one a request

            Base,  # the tables'
        )  # behind
        x  =  1
        """,
        """\
        # above
        from db.session import (  # why
            # a word on get_db
            get_db_sync as get_db,   # one a request

        )  # behind
        from db.models.base import (
            ApplicationBase as Base,  # the tables'
        )
        x  =  1
        """,
    )


def test_what_tools_read_is_behind_each_line():
    becomes(
        "from database import Base, get_db  # noqa: E402\n",
        "from db.models.base import ApplicationBase as Base  # noqa: E402\n"
        "from db.session import get_db_sync as get_db  # noqa: E402\n",
    )


def test_imports_in_functions_stay_there():
    becomes(
        """\
        def f():
            import database
            return database.engine

        def g(database):
            return database.engine
        """,
        """\
        def f():
            from db.session import sync_engine
            engine = sync_engine()
            return engine

        def g(database):
            return database.engine
        """,
    )


def test_names_that_are_taken_are_not_taken_over():
    becomes(
        """\
        import database
        def get_db(engine):
            load_settings = 1
            yield from database.get_db()
            database.engine.connect()
        from core.config import settings
        """,
        """\
        from db.session import get_db_sync as database_get_db, sync_engine
        database_engine = sync_engine()
        def get_db(engine):
            load_settings = 1
            yield from database_get_db()
            database_engine.connect()
        from settings import load_settings as pacegraph_load_settings
        settings = pacegraph_load_settings()
        """,
    )


def test_settings_are_read_by_their_new_names():
    becomes(
        """\
        from core.config import settings as s
        print(s.DATABASE_URL, s.DB_POOL_SIZE, f"{s.LOG_LEVEL}")
        if s.REDIS_URL and s.STRAVA_CLIENT_ID:
            connect(s.REDIS_URL)
            key = s.SECRET_KEY or "none"
        class A:
            def __init__(self):
                self.settings = s
            def f(self):
                return self.settings.PORT
        """,
        """\
        from settings import load_settings
        s = load_settings()
        print(s.database_url.get_secret_value(), s.database_pool_size, f"{s.log_level}")
        if s.redis_url and s.strava_client_id:
            connect(s.redis_url and s.redis_url.get_secret_value())
            key = (s.secret_key and s.secret_key.get_secret_value()) or "none"
        class A:
            def __init__(self):
                self.settings = s
            def f(self):
                return self.settings.port
        """,
    )


def test_settings_that_are_handed_over_are_followed():
    becomes(
        """\
        from core.config import Settings, get_settings
        def f(a: Settings, b=Depends(get_settings), c: "int" = 0):
            d = get_settings()
            return a.PORT, b.PORT, c.PORT, d.PORT, get_settings().PORT
        get_settings.cache_clear()
        """,
        """\
        from settings import Settings, get_settings
        def f(a: Settings, b=Depends(get_settings), c: "int" = 0):
            d = get_settings()
            return a.port, b.port, c.PORT, d.port, get_settings().port
        get_settings.cache_clear()
        """,
    )


def test_a_session_that_is_called_and_depended_on_becomes_two():
    becomes(
        """\
        from core.database import get_db_sync
        def route(db=Depends(get_db_sync)):
            return get_db_sync()
        """,
        """\
        from db.session import sync_sessions as get_db_sync
        from db.session import get_db_sync as request_session
        def route(db=Depends(request_session)):
            return get_db_sync()
        """,
    )


def test_calls_with_arguments_keep_a_function_to_call():
    after, _ = rewritten("from core.logging import setup_logging\nsetup_logging(level='debug')\n")
    assert "def setup_logging(level=None):" in after
    assert after.endswith("setup_logging(level='debug')\n")


def test_what_may_not_run_is_imported_again_where_it_must():
    becomes(
        """\
        if x:
            from core.config import settings
        from core.config import settings
        from core.config import settings as s
        """,
        """\
        if x:
            from settings import load_settings
            settings = load_settings()
        from settings import load_settings
        settings = load_settings()
        s = load_settings()
        """,
    )


def test_settings_that_other_modules_import_from_here_are_told():
    after, [(line, message)] = rewritten(
        "from core.config import settings\n", exported=frozenset({"settings"})
    )
    assert "load_settings()" in after
    assert line == 1
    assert "other modules import settings from here" in message


def test_what_other_modules_import_from_here_stays_here():
    text = "from core.logging import setup_logging\nsetup_logging()\n"
    after, _ = rewritten(text, exported=frozenset({"setup_logging"}))
    assert "def setup_logging(level=None):" in after


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (
            "from database import *\nx = Base",
            1,
            "from db.models.base import ApplicationBase as Base",
        ),
        ("x = 1\nfrom core.cache import cached", 2, "legacy/old_cache.py"),
        ("from database import nothing", 1, "database.nothing"),
        ("import database\npatch(database, 'engine')", 2, "as a whole"),
        ("import database\ndatabase.engine = 1", 2, "is changed"),
        ("import core\ncore.database.get_db", 2, "core.database is not imported"),
        ("mock.patch('database.SessionLocal')", 1, "database.SessionLocal"),
        ("import_module('core.config')", 1, "core.config"),
        ("if x: from core.logging import setup_logging", 1, "line of its own"),
    ],
)
def test_what_cannot_be_done_is_left_and_said(text, line, word):
    after, [(at, message)] = rewritten(text)
    assert after == text
    assert at == line
    assert word in message


@pytest.mark.parametrize(
    "use", ["settings.NO_SUCH_THING", "settings.PORT = 1", "getattr(settings, 'PORT')"]
)
def test_uses_of_settings_that_cannot_be_done_are_said(use):
    after, [(line, _)] = rewritten(f"from core.config import settings\n\n{use}\n")
    assert use in after
    assert line == 3


NOT_FOLLOWED = """\
from core.config import Settings, get_settings, settings
@dataclass
class A:
    config: Settings
    def f(self):
        return self.config.PORT
def conf() -> Settings:
    return get_settings()
conf().DATABASE_URL
def g(b=Depends(conf)):
    return b.PORT
(c := get_settings()).PORT
[each.PORT for each in [settings]]
"""


def test_settings_that_cannot_be_followed_are_said():
    after, remarks = rewritten(NOT_FOLLOWED, reads_settings=True)
    assert [line for line, _ in remarks] == [6, 9, 11, 12, 13]
    assert (
        "DATABASE_URL may be the older service's setting: it is `database_url` now, a SecretStr"
        in remarks[1][1]
    )
    assert after.count(".PORT") == 4


def test_settings_that_come_from_another_module_are_said(tmp_path, capsys):
    (tmp_path / "deps.py").write_text("from core.config import settings\nConfig = settings\n")
    (tmp_path / "uses.py").write_text(
        "import deps\nfrom deps import Config\ndeps.settings.PORT\nConfig.PORT\n"
    )
    for arguments in ([], ["--write"], ["--write"]):
        assert cli.main(["migrate-imports", str(tmp_path), *arguments]) == 1
        error = capsys.readouterr().err
        assert f"{tmp_path}/uses.py:3: PORT may be" in error
        assert f"{tmp_path}/uses.py:4: PORT may be" in error


def test_without_the_old_settings_nothing_is_taken_for_them(tmp_path, capsys):
    (tmp_path / "settings.py").write_text("PORT = 1\n")
    (tmp_path / "uses.py").write_text("import settings\nimport database\nsettings.PORT\n")
    assert cli.main(["migrate-imports", str(tmp_path)]) == 0
    assert "may be" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "from .database import get_db\nfrom .core import database\nfrom . import core\nimport mydatabase, core.other",
        "from database.models import x\nimport database_tools\n'database'\n# from database import get_db",
        "database = 1\ndatabase.engine",
    ],
)
def test_what_only_looks_old_is_left_in_silence(text):
    assert rewritten(text) == (text, [])


@pytest.mark.parametrize(
    "path", ["database.py", "core/__init__.py", "core/config.py", "core/config/__init__.py"]
)
def test_the_applications_own_modules_are_left_alone(tmp_path, path):
    own = tmp_path / path
    own.parent.mkdir(parents=True, exist_ok=True)
    own.touch()
    module = "database" if path == "database.py" else "core.config"
    text = f"import {module} as x\nx.engine\nx.settings.PORT\n"
    after, [(line, message)] = rewritten(text, tmp_path)
    assert (after, line) == (text, 1)
    assert str(own) in message


def test_a_folder_core_without_init_does_not_hide_what_it_lacks(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "config.py").touch()
    after, [_] = rewritten(
        "from core.database import Base\nfrom core.config import settings\n", tmp_path
    )
    assert (
        after
        == "from db.models.base import ApplicationBase as Base\nfrom core.config import settings\n"
    )


@pytest.mark.parametrize("path", ["settings.py", "db/__init__.py", "db/x.py"])
def test_modules_that_would_hide_pacegraphs_are_told(tmp_path, path):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).touch()
    old = (
        "from core.config import settings\n"
        if path == "settings.py"
        else "from database import get_db\n"
    )
    after, [(_, message)] = rewritten(old, tmp_path)
    assert after == old
    assert "hides" in message


OLD = b"from database import get_db\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + OLD,
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n" + OLD,
        OLD.replace(b"\n", b"\r\n") + b"x = 1\r\n\r\n# end",
        b"x = 1\r\ny = 2\n" + OLD + b"if x:\n\ty = (1,\n  2)   \n",
        OLD + b"x = 1",
    ],
)
def test_all_other_bytes_stay(data):
    after, _ = rewrite(data, Path("a.py"), OwnModules(Path("a.py"), Path("/nowhere")), set())
    assert after == data.replace(
        b"from database import get_db", b"from db.session import get_db_sync as get_db"
    )


# --- the command


@pytest.fixture
def app(tmp_path) -> Path:
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "a.py").write_bytes(b"# a\r\nfrom database import get_db\r\n")
    (tmp_path / "app" / "sub" / "b.py").write_text("from database import Base")
    return tmp_path / "app"


def test_a_dry_run_shows_a_diff_that_patch_applies(app, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = (app / "a.py").read_bytes()
    assert cli.main(["migrate-imports", "app"]) == 0
    diff = capsys.readouterr().out
    assert (app / "a.py").read_bytes() == before
    subprocess.run(["git", "apply", "-p1"], input=diff.encode(), cwd=tmp_path, check=True)
    assert (app / "a.py").read_bytes() == b"# a\r\nfrom db.session import get_db_sync as get_db\r\n"
    assert (
        app / "sub" / "b.py"
    ).read_text() == "from db.models.base import ApplicationBase as Base"


def test_files_are_replaced_at_once_and_keep_their_mode(app, capsys):
    (app / "a.py").chmod(0o751)
    inode = (app / "a.py").stat().st_ino
    assert cli.main(["migrate-imports", str(app), "--write"]) == 0
    assert stat.S_IMODE((app / "a.py").stat().st_mode) == 0o751
    assert (app / "a.py").stat().st_ino != inode
    assert sorted(each.name for each in app.iterdir()) == ["a.py", "sub"]
    assert "2 changed" in capsys.readouterr().err


def test_broken_files_are_told_and_the_others_go_on(app, capsys):
    (app / "broken.py").write_text("x = 1\ndef f(:\n")
    (app / "bytes.py").write_bytes(b"# \xff\nfrom database import get_db\n")
    (app / "formfeed.py").write_bytes(b"\x0cfrom database import get_db\n")
    (app / "text.txt").write_text("from database import get_db")
    assert cli.main(["migrate-imports", str(app), "--write"]) == 1
    error = capsys.readouterr().err
    assert f"{app}/broken.py:2: " in error
    assert f"{app}/bytes.py: " in error
    assert f"{app}/formfeed.py: " in error
    assert "5 files read, 2 changed; 3 places left" in error
    assert (app / "broken.py").read_text() == "x = 1\ndef f(:\n"
    assert (app / "text.txt").read_text() == "from database import get_db"


def test_links_environments_and_what_is_no_file(app, capsys, tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text("from database import get_db\n")
    (app / "out.py").symlink_to(outside)
    (app / "in.py").symlink_to(app / "a.py")
    (app / "nowhere.py").symlink_to(app / "gone.py")
    (app / "loop").symlink_to(app)
    (app / "folder.py").mkdir()
    os.mkfifo(app / "fifo.py")
    (app / "env").mkdir()
    for name in ("pyvenv.cfg", "c.py"):
        (app / "env" / name).write_text("from database import get_db\n")
    assert cli.main(["migrate-imports", str(app), "--write"]) == 0
    error = capsys.readouterr().err
    assert f"{app}/out.py: is a link to {outside}" in error
    assert "2 files read, 2 changed" in error
    assert (app / "in.py").is_symlink()
    assert "database" in outside.read_text()
    assert "database" in (app / "env" / "c.py").read_text()


def test_scripts_without_an_ending_are_python_by_their_first_line(app):
    (app / "run").write_text("#!/usr/bin/env python3\nfrom database import get_db\n")
    (app / "sh").write_text("#!/bin/sh\nfrom database import get_db\n")
    assert cli.main(["migrate-imports", str(app), "--write"]) == 0
    assert "db.session" in (app / "run").read_text()
    assert "from database" in (app / "sh").read_text()


def test_what_a_file_hands_on_is_seen_in_the_others(app, capsys):
    (app / "app_config.py").write_text("from core.config import settings\n")
    (app / "config.py").write_text("from core.config import settings\n")
    (app / "main.py").write_text("from app_config import settings\nsettings.PORT\n")
    assert cli.main(["migrate-imports", str(app)]) == 1
    error = capsys.readouterr().err
    assert f"{app}/app_config.py:1: other modules import settings" in error
    assert "/config.py:" not in error


def test_one_file_or_none(app, capsys):
    assert cli.main(["migrate-imports", str(app / "a.py"), "--write"]) == 0
    assert b"db.session" in (app / "a.py").read_bytes()
    assert "from database" in (app / "sub" / "b.py").read_text()
    assert cli.main(["migrate-imports", str(app / "none")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told(capsys):
    assert cli.main(["migrate-imports", "/proc/self/mem", "--write"]) == 1
    assert "/proc/self/mem: cannot be read" in capsys.readouterr().err
