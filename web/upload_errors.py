"""Refusals of uploads.

HttpRefusal
├── UploadNotFound      404 NOT_FOUND: the address is wrong, or its time is over
├── WrongOffset         409 WRONG_OFFSET: the part does not follow what is there
├── UploadInUse         409 CONFLICT: an import reads the file
├── UploadVersion       412 TUS_VERSION: another version of tus
├── UploadTooLong       413 BODY_TOO_LARGE: more bytes than were announced to `stageUploads`
├── UploadBusy          423 LOCKED: another request sends this file now
├── TooManyUploads      503 TOO_BUSY: too many uploads under way
└── NoRoomForUploads    507 DISK_FULL
"""

from collections.abc import Mapping

from web.errors import HttpRefusal

TUS_VERSION = "1.0.0"
_CLOSE = {"connection": "close"}
"""The rest of a refused body need not be read."""


class UploadNotFound(HttpRefusal):
    status, code = 404, "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "There is no upload at this address, or its time is over. Stage it again with "
            "`stageUploads`.",
            headers=_CLOSE,
        )


class WrongOffset(HttpRefusal):
    """`received` is where the next part has to begin."""

    status, code = 409, "WRONG_OFFSET"

    def __init__(self, received: int, headers: Mapping[str, str]) -> None:
        super().__init__(
            f"{received} bytes are here. Send the part that begins there.",
            headers={**_CLOSE, **headers},
        )


class UploadInUse(HttpRefusal):
    status, code = 409, "CONFLICT"

    def __init__(self) -> None:
        super().__init__("An import reads this file. It can no longer change.", headers=_CLOSE)


class UploadVersion(HttpRefusal):
    status, code = 412, "TUS_VERSION"

    def __init__(self) -> None:
        super().__init__(
            f"Set `Tus-Resumable: {TUS_VERSION}`.",
            "Tus-Resumable",
            headers={**_CLOSE, "tus-version": TUS_VERSION},
        )


class UploadTooLong(HttpRefusal):
    status, code = 413, "BODY_TOO_LARGE"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The file has more than the {size} bytes that were announced. Stage it again with its "
            "right size.",
            headers=_CLOSE,
        )


class UploadBusy(HttpRefusal):
    status, code = 423, "LOCKED"

    def __init__(self) -> None:
        super().__init__(
            "Another request sends this file. Ask how far it came (HEAD), then go on.",
            headers={**_CLOSE, "retry-after": "1"},
        )


class TooManyUploads(HttpRefusal):
    status, code = 503, "TOO_BUSY"

    def __init__(self) -> None:
        super().__init__(
            "Too many uploads, or too many of yours, are under way (UPLOADS_AT_ONCE). Try again in "
            "a moment.",
            headers={**_CLOSE, "retry-after": "5"},
        )


class NoRoomForUploads(HttpRefusal):
    status, code = 507, "DISK_FULL"

    def __init__(self) -> None:
        super().__init__(
            "The server's disk is full. Its operator has to make room; what is here is kept.",
            headers={**_CLOSE, "retry-after": "60"},
        )
