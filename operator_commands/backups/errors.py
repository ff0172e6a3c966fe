"""Errors of backups.

PacegraphError
└── BackupError            the command failed, and left everything as it was
    ├── BackupUnusable     the folder is no whole backup, or not of this version
    ├── RestoreRefused     something has to be done before a restore
    └── ProgramFailed      pg_dump or pg_restore failed
"""

from runtime.errors import PacegraphError


class BackupError(PacegraphError):
    """A backup or restore failed. The message says why, and what to do."""


class BackupUnusable(BackupError):
    """The folder is no whole backup, or none that this version can restore."""


class RestoreRefused(BackupError):
    """The database or the settings are not as a restore needs them."""


class ProgramFailed(BackupError):
    """One of PostgreSQL's programs failed; the message has its last line."""
