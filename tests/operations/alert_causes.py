"""What makes each alert fire: series of `/metrics`, with their values by the minute.

They stand well for two hours, then as told, in promtool's notation.
"""

API = 'instance="api-1", job="pacegraph"'

RISES = "0x120 1+1x300"
"""By one each minute, after two hours of standing still."""
RISES_FAST = "0x120 50+50x300"
ON = "0x120 1x300"

FIRED_BY = {
    "ProcessGone": {f"up{{{API}}}": "1x120 0x300"},
    "JobGaugesUnread": {f"pacegraph_job_gauges_read{{{API}}}": "1x120 0x300"},
    "DatabasePoolEmpty": {f"pacegraph_database_pool_timeouts_total{{{API}}}": RISES},
    "ReplicaLost": {
        f"pacegraph_replicas_read{{{API}}}": "2x120 1x300",
        f"pacegraph_replicas{{{API}}}": "2x420",
    },
    "ReplicasAllLost": {f"pacegraph_replicas_read{{{API}}}": "1x120 0x300"},
    "RedisLost": {f"pacegraph_redis_losses_total{{{API}}}": RISES},
    "EnqueuesLost": {f"pacegraph_lost_enqueues_total{{{API}}}": RISES},
    "InternalErrors": {f'pacegraph_failed_operations_total{{{API}, code="INTERNAL"}}': RISES},
    "QueuedJobsOld": {f"pacegraph_oldest_queued_job_seconds{{{API}}}": "120x120 121x300"},
    "QueuedJobsMany": {
        f'pacegraph_jobs{{{API}, kind="STRAVA_SYNC", status="queued"}}': "20x120 30x300",
        f'pacegraph_jobs{{{API}, kind="AGE_GRADES", status="queued"}}': "20x420",
        'pacegraph_jobs{instance="api-2", job="pacegraph", kind="AGE_GRADES", status="queued"}': "20x420",
    },
    "LeasesExpired": {f"pacegraph_expired_leases{{{API}}}": ON},
    "StravaAnswersBadly": {f'pacegraph_strava_troubles_total{{{API}, kind="too_slow"}}': RISES},
    "SyncBudgetSpent": {f'pacegraph_strava_troubles_total{{{API}, kind="budget_spent"}}': RISES},
    "StravaEventsInvented": {
        f'pacegraph_strava_troubles_total{{{API}, kind="event_budget_spent"}}': RISES
    },
    "StravaQuotaUsedUp": {
        f'pacegraph_strava_quota{{{API}, window="day", requests="reads", what="used"}}': "999x120 1000x300",
        f'pacegraph_strava_quota{{{API}, window="day", requests="reads", what="limit"}}': "1000x420",
    },
    "StravaEventsOld": {f"pacegraph_oldest_strava_event_seconds{{{API}}}": "300x120 301x300"},
    "StravaEventsLost": {f'pacegraph_strava_events_total{{{API}, outcome="not_stored"}}': RISES},
    "StravaEventsForeign": {
        f'pacegraph_strava_events_total{{{API}, outcome="malformed"}}': RISES_FAST
    },
    "SyncsBehind": {
        f'pacegraph_athletes_by_sync_lag{{{API}, lag="7d"}}': "1x120 2x300",
        f'pacegraph_athletes_by_sync_lag{{{API}, lag="1d"}}': "35x420",
        'pacegraph_athletes_by_sync_lag{instance="api-2", job="pacegraph", lag="1d"}': "35x420",
    },
    "SyncProblemsGrow": {f"pacegraph_sync_problems{{{API}}}": ON},
    "SignInsBusy": {f'pacegraph_sign_ins_total{{{API}, outcome="busy"}}': RISES},
    "SignInsLimited": {f'pacegraph_sign_ins_total{{{API}, outcome="rate_limited"}}': RISES},
    "SessionReused": {f"pacegraph_sessions_reused_total{{{API}}}": RISES},
    "DatabaseTimeRefused": {f'pacegraph_refused_total{{{API}, limit="database_time"}}': RISES},
    "StatementsCancelled": {f"pacegraph_statements_cancelled_total{{{API}}}": RISES_FAST},
    "ConnectionsBounded": {
        f'pacegraph_bounded_connections_total{{{API}, bound="pace"}}': RISES_FAST
    },
    "SchemaUsesLeftOut": {f"pacegraph_schema_uses_left_out_total{{{API}}}": RISES},
}
