"""The root of all errors that pacegraph raises on purpose.

    PacegraphError                        `str()` is fit for a log
    ├── db.errors.DatabaseError           PostgreSQL failed (tree in its module)
    ├── db.encryption.UndecipherableSecret
    ├── db.stream_codec.CorruptStreams
    ├── strava.errors.StravaError         Strava, or the way to it, failed (tree in its module)
    ├── jobs.lease.AttemptStopped         a job's attempt must stop (tree in its module)
    ├── graph.errors.CallerError          the caller can mend the request (tree in its module)
    ├── graph.types.payload.Refused       a mutation's `userErrors`
    ├── web.errors.HttpRefusal            HTTP has a status of its own (tree in its module)
    ├── web.auth.api_tokens.InvalidCredentials
    ├── strava_simulator.runs_file.SimulatorRunsInvalid
    ├── operator_commands.backups.errors.BackupError   a backup or restore failed (tree in its module)
    └── legacy.adoption.walk.NotFinished

Errors of libraries become one of these where they enter: the drivers' in `db/session.py`, HTTP's in
`strava/client.py`.
"""


class PacegraphError(Exception):
    """Base of every error that pacegraph raises on purpose."""
