"""Files that athletes upload and download."""

from pydantic import Field

from settings.part import SettingsPart
from settings.value_types import Folder


class FileSettings(SettingsPart):
    uploads_folder: Folder | None = Field(
        None,
        description="Folder for files on their way to an import, which API and workers share. "
        "Default: uploads in PACEGRAPH_HOME.",
    )
    upload_max_bytes: int = Field(
        20 * 2**30, ge=1024, le=2**50, description="Maximum bytes of one uploaded file."
    )
    uploads_max_bytes: int = Field(
        100 * 2**30,
        ge=1024,
        le=2**50,
        description="Bytes that all uploads may take in their folder, staged ones included. More "
        "are refused.",
    )
    uploads_per_athlete: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Uploads that an athlete may have staged, together at most UPLOAD_MAX_BYTES.",
    )
    upload_lifetime_s: float = Field(
        172_800,
        ge=60,
        le=31_536_000,
        description="Seconds from staging to the end of an upload. Then its file is deleted, "
        "unless a job is reading it.",
    )
    upload_stall_s: float = Field(
        30,
        gt=0,
        le=3600,
        description="Seconds in which an upload under way must bring 64 KiB, or its end, and a "
        "download take as much. It can go on later.",
    )
    import_readers: int = Field(
        2,
        ge=1,
        le=64,
        description="Processes that read the files of one import at once, each with up to 100 MB. "
        "More than the machine has cores bring nothing.",
    )
    uploads_at_once: int = Field(
        8,
        ge=1,
        le=1000,
        description="Uploads under way at once, per API process. Of one athlete, half as many.",
    )
    exports_folder: Folder | None = Field(
        None,
        description="Folder for archives of athletes' data, which API and workers share. Default: "
        "exports in PACEGRAPH_HOME.",
    )
    exports_max_bytes: int = Field(
        100 * 2**30,
        ge=1024,
        le=2**50,
        description="Bytes that all archives may take in their folder. More wait until others end.",
    )
    export_lifetime_s: float = Field(
        86_400,
        ge=60,
        le=2_592_000,
        description="Seconds for which an archive can be downloaded. Then it is deleted.",
    )
    exports_per_day: int = Field(
        10,
        ge=1,
        le=100_000,
        description="Archives that may be started for an athlete in a burst, and in 24 hours after "
        "that. Each takes a worker 25 ms for an hour of samples.",
    )
    exports_at_once: int = Field(
        8,
        ge=1,
        le=1000,
        description="Downloads of archives under way at once, per API process, half of them an "
        "athlete's; as many of originals.",
    )
