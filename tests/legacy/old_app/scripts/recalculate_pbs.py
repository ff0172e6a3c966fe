"""Recalculates all personal bests, in one transaction an athlete."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import database as legacy_db  # noqa: E402
from models import Athlete  # noqa: E402
from services.personal_bests import recalculate  # noqa: E402


def main():
    with legacy_db.SessionLocal() as db:
        for athlete in db.query(Athlete).order_by(Athlete.display_name):
            print(athlete.display_name, recalculate(db, athlete))
        db.commit()


if __name__ == "__main__":
    main()
