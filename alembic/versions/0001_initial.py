"""Athletes, accounts, activities, efforts, bests, jobs, tokens, feedback"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "athletes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("measurement_system", sa.Text(), server_default="METRIC", nullable=False),
        sa.Column("shares", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "birth_date BETWEEN '1900-01-01' AND '2200-01-01'",
            name=op.f("ck_athletes_birth_date_range"),
        ),
        sa.CheckConstraint(
            "measurement_system IN ('METRIC', 'IMPERIAL')",
            name=op.f("ck_athletes_measurement_system"),
        ),
        sa.CheckConstraint("sex IN ('FEMALE', 'MALE')", name=op.f("ck_athletes_sex")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_athletes")),
    )
    op.create_index("ix_athletes_last_name", "athletes", ["last_name", "id"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=True),
        sa.Column("is_admin", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("session_epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("last_signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name=op.f("fk_accounts_athlete_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("athlete_id", name=op.f("uq_accounts_athlete_id")),
    )
    op.create_table(
        "activities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("strava_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sport_type", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at_local", sa.DateTime(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=False),
        sa.Column("moving_time_s", sa.Integer(), nullable=False),
        sa.Column("elapsed_time_s", sa.Integer(), nullable=False),
        sa.Column("elevation_gain_m", sa.Double(), nullable=True),
        sa.Column("average_heart_rate_bpm", sa.Double(), nullable=True),
        sa.Column("max_heart_rate_bpm", sa.Double(), nullable=True),
        sa.Column("average_cadence_rpm", sa.Double(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("flagged", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("manual", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("duplicate_of_id", sa.BigInteger(), nullable=True),
        sa.Column("streams_state", sa.Text(), nullable=False),
        sa.Column(
            "given_efforts",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("efforts_version", sa.Integer(), nullable=True),
        sa.Column("seen_by_job_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(source = 'STRAVA') = (strava_id IS NOT NULL)",
            name=op.f("ck_activities_strava_id_of_strava"),
        ),
        sa.CheckConstraint(
            "distance_m >= 0 AND distance_m < 'Infinity'::float8",
            name=op.f("ck_activities_distance_m_range"),
        ),
        sa.CheckConstraint(
            "elapsed_time_s >= 0 AND elapsed_time_s < 'Infinity'::float8",
            name=op.f("ck_activities_elapsed_time_s_range"),
        ),
        sa.CheckConstraint(
            "moving_time_s >= 0 AND moving_time_s < 'Infinity'::float8",
            name=op.f("ck_activities_moving_time_s_range"),
        ),
        sa.CheckConstraint("source IN ('STRAVA', 'FILE')", name=op.f("ck_activities_source")),
        sa.CheckConstraint(
            "streams_state IN ('PENDING', 'STORED', 'ABSENT', 'UNWANTED')",
            name=op.f("ck_activities_streams_state"),
        ),
        sa.CheckConstraint(
            "visibility IN ('EVERYONE', 'FOLLOWERS_ONLY', 'ONLY_ME')",
            name=op.f("ck_activities_visibility"),
        ),
        sa.CheckConstraint(
            "duplicate_of_id <> id", name=op.f("ck_activities_not_duplicate_of_itself")
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_activities_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of_id"],
            ["activities.id"],
            name=op.f("fk_activities_duplicate_of_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
        sa.UniqueConstraint(
            "athlete_id", "strava_id", name=op.f("uq_activities_athlete_id_strava_id")
        ),
    )
    op.create_index(
        "ix_activities_athlete_id_started_at",
        "activities",
        ["athlete_id", "started_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_activities_duplicate_of_id",
        "activities",
        ["duplicate_of_id"],
        unique=False,
        postgresql_where=sa.text("duplicate_of_id IS NOT NULL"),
    )
    op.create_index("ix_activities_started_at", "activities", ["started_at", "id"], unique=False)
    op.create_index(
        "ix_activities_streams_pending",
        "activities",
        ["athlete_id"],
        unique=False,
        postgresql_where=sa.text("streams_state = 'PENDING'"),
    )
    op.create_table(
        "strava_connections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("strava_athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("access_token", sa.LargeBinary(), nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=False),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "connected_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("last_synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("history_complete_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_strava_connections_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strava_connections")),
        sa.UniqueConstraint("athlete_id", name=op.f("uq_strava_connections_athlete_id")),
        sa.UniqueConstraint(
            "strava_athlete_id", name=op.f("uq_strava_connections_strava_athlete_id")
        ),
    )
    op.create_table(
        "activity_streams",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("sample_count", sa.Integer(), nullable=False),
        sa.Column("samples", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "sample_count >= 0 AND sample_count < 'Infinity'::float8",
            name=op.f("ck_activity_streams_sample_count_range"),
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name=op.f("fk_activity_streams_activity_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("activity_id", name=op.f("pk_activity_streams")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'sync', 'admin'] AND cardinality(scopes) > 0",
            name=op.f("ck_api_tokens_scopes"),
        ),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 100", name=op.f("ck_api_tokens_name_length")
        ),
        sa.CheckConstraint(
            "octet_length(secret_sha256) = 32", name=op.f("ck_api_tokens_secret_sha256_length")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_api_tokens_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_api_tokens_secret_sha256")),
    )
    op.create_index("ix_api_tokens_account_id", "api_tokens", ["account_id"], unique=False)
    op.create_table(
        "best_efforts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("distance", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=False),
        sa.Column("elapsed_s", sa.Double(), nullable=False),
        sa.Column("start_offset_s", sa.Double(), nullable=False),
        sa.Column("achieved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("implied", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("age_on_day", sa.Integer(), nullable=True),
        sa.Column("age_grade_sex", sa.Text(), nullable=True),
        sa.Column("age_grade_table", sa.Text(), nullable=True),
        sa.Column("open_standard_s", sa.Double(), nullable=True),
        sa.Column("age_standard_s", sa.Double(), nullable=True),
        sa.Column("age_grade_percent", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "age_grade_sex IN ('FEMALE', 'MALE')", name=op.f("ck_best_efforts_age_grade_sex")
        ),
        sa.CheckConstraint(
            "age_grade_table IN ('ROAD_2015', 'ROAD_2020', 'ROAD_2025', 'TRACK_2023')",
            name=op.f("ck_best_efforts_age_grade_table"),
        ),
        sa.CheckConstraint(
            "distance IN ('M400', 'M800', 'KM1', 'M1500', 'MILE1', 'KM3', 'MILE2', 'KM5', 'KM10', 'KM15', 'MILE10', 'KM20', 'HALF_MARATHON', 'KM30', 'MARATHON', 'KM50')",
            name=op.f("ck_best_efforts_distance"),
        ),
        sa.CheckConstraint(
            "distance_m >= 0 AND distance_m < 'Infinity'::float8",
            name=op.f("ck_best_efforts_distance_m_range"),
        ),
        sa.CheckConstraint(
            "elapsed_s > 0 AND elapsed_s < 'Infinity'::float8",
            name=op.f("ck_best_efforts_elapsed_s_range"),
        ),
        sa.CheckConstraint(
            "provenance IN ('STREAM', 'STRAVA', 'WHOLE_ACTIVITY')",
            name=op.f("ck_best_efforts_provenance"),
        ),
        sa.CheckConstraint(
            "start_offset_s >= 0 AND start_offset_s < 'Infinity'::float8",
            name=op.f("ck_best_efforts_start_offset_s_range"),
        ),
        sa.CheckConstraint(
            "num_nulls(age_on_day, age_grade_sex, age_grade_table, open_standard_s, "
            "age_standard_s, age_grade_percent) IN (0, 6)",
            name=op.f("ck_best_efforts_age_grade_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name=op.f("fk_best_efforts_activity_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_best_efforts_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_best_efforts")),
        sa.UniqueConstraint(
            "activity_id", "distance", name=op.f("uq_best_efforts_activity_id_distance")
        ),
    )
    op.create_index(
        "ix_best_efforts_ranking",
        "best_efforts",
        ["athlete_id", "distance", "elapsed_s", "id"],
        unique=False,
        postgresql_include=["counts", "implied"],
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "length(contact) BETWEEN 1 AND 200", name=op.f("ck_feedback_contact_length")
        ),
        sa.CheckConstraint(
            "length(message) BETWEEN 1 AND 5000", name=op.f("ck_feedback_message_length")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_feedback_account_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "arguments",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column(
            "checkpoint",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("progress_total", sa.Integer(), nullable=True),
        sa.Column("progress_message", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_retryable", sa.Boolean(), nullable=True),
        sa.Column("activities_created", sa.Integer(), server_default="0", nullable=False),
        sa.Column("activities_updated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("activities_deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("personal_bests_changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt_started_done", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "(status = 'RUNNING') = (lease_until IS NOT NULL)",
            name=op.f("ck_jobs_lease_while_running"),
        ),
        sa.CheckConstraint(
            "(status = 'WAITING') = (waiting_until IS NOT NULL)",
            name=op.f("ck_jobs_until_while_waiting"),
        ),
        sa.CheckConstraint(
            "(status IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)",
            name=op.f("ck_jobs_finished_when_ended"),
        ),
        sa.CheckConstraint(
            "attempts >= 0 AND attempts < 'Infinity'::float8", name=op.f("ck_jobs_attempts_range")
        ),
        sa.CheckConstraint(
            "error_code IN ('STRAVA_UNAUTHORIZED', 'STRAVA_SCOPE_MISSING', 'STRAVA_APP_INACTIVE', 'STRAVA_ATHLETE_LIMIT', 'STRAVA_RATE_LIMITED', 'STRAVA_UNAVAILABLE', 'STRAVA_BAD_DATA', 'CANCELLED', 'INTERNAL')",
            name=op.f("ck_jobs_error_code"),
        ),
        sa.CheckConstraint(
            "failures >= 0 AND failures < 'Infinity'::float8", name=op.f("ck_jobs_failures_range")
        ),
        sa.CheckConstraint(
            "kind IN ('STRAVA_SYNC', 'STRAVA_WEBHOOK', 'STRAVA_DISCONNECT', 'PERSONAL_BESTS', "
            "'AGE_GRADES', 'ERASE_ATHLETE')",
            name=op.f("ck_jobs_kind"),
        ),
        sa.CheckConstraint(
            "progress_done >= 0 AND progress_done < 'Infinity'::float8",
            name=op.f("ck_jobs_progress_done_range"),
        ),
        sa.CheckConstraint(
            "progress_total >= 0 AND progress_total < 'Infinity'::float8",
            name=op.f("ck_jobs_progress_total_range"),
        ),
        sa.CheckConstraint(
            "status IN ('QUEUED', 'RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED')",
            name=op.f("ck_jobs_status"),
        ),
        sa.CheckConstraint(
            "length(idempotency_key) BETWEEN 1 AND 200", name=op.f("ck_jobs_idempotency_key_length")
        ),
        sa.CheckConstraint(
            "num_nulls(error_code, error_message, error_retryable) IN (0, 3)",
            name=op.f("ck_jobs_error_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"], ["athletes.id"], name=op.f("fk_jobs_athlete_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(
        "ix_jobs_active",
        "jobs",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING', 'WAITING')"),
    )
    op.create_index("ix_jobs_athlete_id", "jobs", ["athlete_id", "created_at", "id"], unique=False)
    op.create_index("ix_jobs_created_at", "jobs", ["created_at", "id"], unique=False)
    op.create_index(
        "uq_jobs_active",
        "jobs",
        ["athlete_id", "kind"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING', 'WAITING')"),
    )
    op.create_index(
        "uq_jobs_idempotency_key", "jobs", ["athlete_id", "idempotency_key"], unique=True
    )
    op.create_table(
        "personal_bests",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("distance", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.Double(), nullable=False),
        sa.Column("elapsed_s", sa.Double(), nullable=False),
        sa.Column("achieved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_id", sa.BigInteger(), nullable=True),
        sa.Column("improvement_s", sa.Double(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "distance IN ('M400', 'M800', 'KM1', 'M1500', 'MILE1', 'KM3', 'MILE2', 'KM5', 'KM10', 'KM15', 'MILE10', 'KM20', 'HALF_MARATHON', 'KM30', 'MARATHON', 'KM50')",
            name=op.f("ck_personal_bests_distance"),
        ),
        sa.CheckConstraint(
            "distance_m >= 0 AND distance_m < 'Infinity'::float8",
            name=op.f("ck_personal_bests_distance_m_range"),
        ),
        sa.CheckConstraint(
            "previous_id IS NULL OR improvement_s IS NOT NULL",
            name=op.f("ck_personal_bests_improvement_on_previous"),
        ),
        sa.CheckConstraint("elapsed_s > 0", name=op.f("ck_personal_bests_elapsed_s_positive")),
        sa.CheckConstraint(
            "improvement_s > 0", name=op.f("ck_personal_bests_improvement_s_positive")
        ),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name=op.f("fk_personal_bests_activity_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name=op.f("fk_personal_bests_athlete_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["id"], ["best_efforts.id"], name=op.f("fk_personal_bests_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["previous_id"],
            ["personal_bests.id"],
            name=op.f("fk_personal_bests_previous_id"),
            ondelete="SET NULL",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_bests")),
    )
    op.create_index(
        "ix_personal_bests_activity_id", "personal_bests", ["activity_id"], unique=False
    )
    op.create_index(
        "ix_personal_bests_history",
        "personal_bests",
        ["athlete_id", "distance", "achieved_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_personal_bests_leaderboard",
        "personal_bests",
        ["distance", "elapsed_s", "id"],
        unique=False,
        postgresql_where=sa.text("is_current"),
    )
    op.create_index(
        "ix_personal_bests_previous_id", "personal_bests", ["previous_id"], unique=False
    )
    op.create_index(
        "uq_personal_bests_current",
        "personal_bests",
        ["athlete_id", "distance"],
        unique=True,
        postgresql_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_personal_bests_current",
        table_name="personal_bests",
        postgresql_where=sa.text("is_current"),
    )
    op.drop_index("ix_personal_bests_previous_id", table_name="personal_bests")
    op.drop_index(
        "ix_personal_bests_leaderboard",
        table_name="personal_bests",
        postgresql_where=sa.text("is_current"),
    )
    op.drop_index("ix_personal_bests_history", table_name="personal_bests")
    op.drop_index("ix_personal_bests_activity_id", table_name="personal_bests")
    op.drop_table("personal_bests")
    op.drop_index("uq_jobs_idempotency_key", table_name="jobs")
    op.drop_index(
        "uq_jobs_active",
        table_name="jobs",
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING', 'WAITING')"),
    )
    op.drop_index("ix_jobs_created_at", table_name="jobs")
    op.drop_index("ix_jobs_athlete_id", table_name="jobs")
    op.drop_index(
        "ix_jobs_active",
        table_name="jobs",
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING', 'WAITING')"),
    )
    op.drop_table("jobs")
    op.drop_table("feedback")
    op.drop_index(
        "ix_best_efforts_ranking",
        table_name="best_efforts",
        postgresql_include=["counts", "implied"],
    )
    op.drop_table("best_efforts")
    op.drop_index("ix_api_tokens_account_id", table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_table("activity_streams")
    op.drop_table("strava_connections")
    op.drop_index(
        "ix_activities_streams_pending",
        table_name="activities",
        postgresql_where=sa.text("streams_state = 'PENDING'"),
    )
    op.drop_index("ix_activities_started_at", table_name="activities")
    op.drop_index(
        "ix_activities_duplicate_of_id",
        table_name="activities",
        postgresql_where=sa.text("duplicate_of_id IS NOT NULL"),
    )
    op.drop_index("ix_activities_athlete_id_started_at", table_name="activities")
    op.drop_table("activities")
    op.drop_table("accounts")
    op.drop_index("ix_athletes_last_name", table_name="athletes")
    op.drop_table("athletes")
