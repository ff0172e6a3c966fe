"""How long a backfill's requests take with the quota there is."""

from math import ceil

from strava.shared_quota.ledger import Ledger
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.window import DAY_S, QUARTER_HOUR_S, READ


def quota_wait_s(ledger: Ledger, requests: int, rules: QuotaRules) -> float:
    """Estimate the seconds until the quota covers as many reads of one athlete's backfill.

    It shares with the others that are active now. 0: it covers them now, and the requests
    themselves are what takes time.
    """
    now_s = ledger.at.earliest_s
    athletes = max(1, ledger.turns.active(now_s))
    limits = ledger.in_force(rules)
    quarter_hour = min(_for_backfill(limits.of(0, kind), rules) for kind in (0, READ))
    day = min(_for_backfill(limits.of(1, kind), rules) for kind in (0, READ))
    wanted = requests * athletes
    now = ledger.room(rules, read=True, for_backfill=True)
    if ledger.blocked_until > now_s:
        now = 0
    if wanted <= now:
        return 0.0
    left_today = max(0, ledger.lefts(rules, read=True, for_backfill=True)[1] - now)
    quarters_left = ceil((ledger.day.ends_at - ledger.quarter.ends_at) / QUARTER_HOUR_S)
    later_today = min(left_today, quarters_left * quarter_hour)
    wanted -= now
    if wanted <= later_today:
        return ledger.quarter.ends_at - now_s + (ceil(wanted / quarter_hour) - 1) * QUARTER_HOUR_S
    wanted -= later_today
    a_day = min(day, DAY_S // QUARTER_HOUR_S * quarter_hour)
    whole_days, rest = divmod(wanted - 1, a_day)
    of_last_s = (ceil((rest + 1) / quarter_hour) - 1) * QUARTER_HOUR_S
    return ledger.day.ends_at - now_s + whole_days * DAY_S + of_last_s


def _for_backfill(limit: int, rules: QuotaRules) -> int:
    return limit - rules.reserve(limit)
