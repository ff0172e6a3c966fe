"""The command that makes an archive of an athlete's data."""

from db.models import JobKind
from graph.commands.authorization import own_athlete
from graph.commands.idempotency import RequestKey
from graph.commands.job import JobRequest, is_under_way, load_job, require_export, start_job
from graph.context import Context
from graph.types.job_mutation import ExportAthleteInput, ExportAthletePayload


async def export_athlete(context: Context, wanted: ExportAthleteInput) -> ExportAthletePayload:
    """Start an export, or find the one in progress. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    key = RequestKey.from_input(context, "exportAthlete", wanted)
    request = JobRequest(JobKind.EXPORT, athlete_id, {})
    started = await start_job(
        context, request, key, admit=lambda _: require_export(context.write_rules(), athlete_id)
    )
    job = await load_job(context, started.news["id"])
    return ExportAthletePayload(job=job, already_running=is_under_way(started, job))
