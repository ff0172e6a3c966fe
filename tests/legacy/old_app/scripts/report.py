"""What is in the tables: straight from the engine."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import models  # noqa: E402,F401
from sqlalchemy import func, select  # noqa: E402

from core import config, logging as app_logging  # noqa: E402
from database import Base, engine  # noqa: E402

log = app_logging.get_logger("report")


def main():
    assert config.settings.DATABASE_URL.startswith("postgresql")
    log.debug("pool of %s", config.settings.DB_POOL_SIZE)
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            print(table.name, connection.execute(select(func.count()).select_from(table)).scalar())


if __name__ == "__main__":
    main()
