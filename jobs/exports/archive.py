"""Writes the archive: a ZIP of lines of JSON, GPX and a schema, in memory that does not grow."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from typing import IO, Any, Protocol, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy import Connection

from db.moved_samples import whole
from db.original_codec import CorruptOriginal, unpacked
from db.original_files import OriginalMissing, StoredOriginals
from db.statements.athletes import exported_data
from db.statements.athletes.exported_data import EXPORTED, STREAMS, ExportedTable
from db.statements.files import original
from db.stream_codec import CorruptStreams, decode
from jobs.athlete_unknown import AthleteUnknown
from jobs.exports.gpx_writer import gpx_parts
from jobs.exports.table_lines import folder_of, line_of, line_of_streams, schema
from runtime.clock import utc_now

_ROWS_AT_ONCE, _STREAMS_AT_ONCE = 500, 20
_DIGITS = 16
"""Of an original's digest in its name, so that no two have the same."""
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_README = """All that {server} stores of one athlete, as of {when}.

tables/*.jsonl  One JSON object a line, one file for each table. Ids are text, times are UTC.
schema.json     What each table and its lines are, as JSON Schema.
gpx/*.gpx       Each recording with positions, as GPX 1.1.
originals/*     The files that activities were imported from, as they came.
problems.txt    What could not be read; absent if all could.

Tokens of Strava, secrets of API tokens and cookies are not in it: they would give access.
"""

T = TypeVar("T")


class ExportSteps(Protocol):
    """What an archive needs while it is made. Both may raise, and so end it."""

    def read(self, step: Callable[[Connection], T]) -> T:
        """Read from the database."""

    def report(self, done: int, total: int, what: str) -> None:
        """Take how many of `total` rows are written, and which are next."""


class AthleteArchive:
    """The archive of one athlete. `server` is the address that it tells."""

    def __init__(
        self, steps: ExportSteps, athlete_id: int, server: str, originals: StoredOriginals
    ) -> None:
        self._steps = steps
        self._originals = originals
        self._athlete_id = athlete_id
        self._server = server
        self._done, self._total = 0, 0
        self._problems: list[str] = []

    def write(self, file: IO[bytes]) -> None:
        """Write it to a file that can seek.

        Raises AthleteUnknown, OriginalUnreachable, and what the steps raise.
        """
        counts = self._steps.read(self._count)
        self._total = sum(counts)
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            when = utc_now().strftime("%Y-%m-%d %H:%M UTC")
            self._put(
                archive, "README.txt", _README.format(server=self._server, when=when).encode()
            )
            self._put(archive, "schema.json", schema())
            for table in EXPORTED:
                self._write_table(archive, table)
            self._write_streams(archive)
            self._write_recordings(archive)
            self._write_originals(archive)
            if self._problems:
                self._put(archive, "problems.txt", "".join(self._problems).encode())

    def _count(self, connection: Connection) -> Sequence[int]:
        values = {"athlete": self._athlete_id}
        if connection.execute(exported_data.exists(), values).first() is None:
            raise AthleteUnknown(self._athlete_id)
        return tuple(connection.execute(exported_data.counts(), values).one())

    def _write_table(self, archive: ZipFile, table: ExportedTable) -> None:
        with self._entry(archive, folder_of(table.name)) as entry:
            for rows in self._pages(table):
                entry.write(b"".join([line_of(table, row) for row in rows]))
                self._advance(len(rows), table.name)

    def _write_streams(self, archive: ZipFile) -> None:
        with self._entry(archive, folder_of(STREAMS.name)) as entry:
            for rows in self._stream_pages(with_positions=False):
                for row in rows:
                    try:
                        found = whole(self._originals, row)
                        entry.write(
                            line_of_streams(row.activity_id, found.samples, found.positions)
                        )
                    except (CorruptStreams, OriginalMissing) as error:
                        self._problems.append(f"samples of activity {row.activity_id}: {error}\n")
                self._advance(len(rows), STREAMS.name)

    def _write_recordings(self, archive: ZipFile) -> None:
        for rows in self._stream_pages(with_positions=True):
            for row in rows:
                try:
                    found = whole(self._originals, row)
                    samples = decode(found.samples, found.positions)
                except (CorruptStreams, OriginalMissing):
                    continue  # `_write_streams` told of it
                name = (
                    f"gpx/{row.started_at.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}_{row.activity_id}.gpx"
                )
                with self._entry(archive, name) as entry:
                    for part in gpx_parts(row.name, row.sport_type, row.started_at, samples):
                        entry.write(part)
            self._advance(len(rows), "GPX")

    def _write_originals(self, archive: ZipFile) -> None:
        pages = self._walk(
            lambda is_first: exported_data.originals_page(is_first=is_first),
            lambda row: [row.id],
            _ROWS_AT_ONCE,
        )
        for rows in pages:
            for row in rows:
                self._write_original(archive, row.id)
                self._advance(1, "originals")

    def _write_original(self, archive: ZipFile, number: int) -> None:
        values = {"original": number}
        row = self._steps.read(lambda c: c.execute(original.find(), values).one_or_none())
        if row is None:
            return  # deleted since it was listed
        name = f"originals/{row.digest.hex()[:_DIGITS]}_{_UNSAFE.sub('_', row.file_name)}"
        try:
            packed = self._originals.content_of(row)
        except OriginalMissing as error:
            self._problems.append(f"{name}: {error}\n")
            return
        with self._entry(archive, name) as entry:
            try:
                for part in unpacked(packed):
                    entry.write(part)
            except CorruptOriginal as error:
                self._problems.append(f"{name}: {error}\n")

    def _pages(self, table: ExportedTable) -> Iterator[Sequence[Any]]:
        names = [each.name for each in table.columns]
        places = [names.index(each.name) for each in table.key]

        def key_of(row: Any) -> list[Any]:
            return [row[place] for place in places]

        yield from self._walk(
            lambda is_first: exported_data.page(table, is_first=is_first), key_of, _ROWS_AT_ONCE
        )

    def _stream_pages(self, *, with_positions: bool) -> Iterator[Sequence[Any]]:
        yield from self._walk(
            lambda is_first: exported_data.stream_page(
                is_first=is_first, with_positions=with_positions
            ),
            lambda row: [row.activity_id],
            _STREAMS_AT_ONCE,
        )

    def _walk(
        self,
        statement: Callable[[bool], Any],
        key_of: Callable[[Any], list[Any]],
        most: int,
    ) -> Iterator[Sequence[Any]]:
        values: dict[str, Any] = {"athlete": self._athlete_id, "most": most}
        is_first = True
        while True:
            chosen = statement(is_first)
            rows = self._steps.read(lambda connection: connection.execute(chosen, values).all())  # noqa: B023 - called at once
            if rows:
                yield rows
            if len(rows) < most:
                return
            values |= {f"after_{n}": value for n, value in enumerate(key_of(rows[-1]))}
            is_first = False

    def _advance(self, rows: int, what: str) -> None:
        self._done += rows
        # rows that came since are written too
        self._steps.report(self._done, max(self._done, self._total), what)

    def _put(self, archive: ZipFile, name: str, content: bytes) -> None:
        with self._entry(archive, name) as entry:
            entry.write(content)

    def _entry(self, archive: ZipFile, name: str) -> IO[bytes]:
        info = ZipInfo(name, date_time=utc_now().timetuple()[:6])
        info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
        return archive.open(info, "w", force_zip64=True)
