"""Uploads: the addresses that `stageUploads` gives, by tus 1.0 or by plain PUT.

The address is the permission: it is signed, and ends with the upload. tus is the protocol of
tus-js-client, Uppy and others (HEAD, PATCH, DELETE). PUT sends the whole file, or a part of it with
`Content-Range`.
"""

import re
from email.utils import format_datetime
from functools import partial

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from web.errors import BadRequest, HttpRefusal, UnsupportedMediaType, error_body
from web.limits.link_reads import PaidRead
from web.services import services_of
from web.upload_errors import TUS_VERSION, UploadTooLong, UploadVersion
from web.upload_intake import LEAST_BYTES, PATH, StagedFile

_METHODS = "OPTIONS, HEAD, PATCH, PUT, DELETE"
_PART = "application/offset+octet-stream"
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18})")
_NUMBER = re.compile(r"\d{1,18}")

router = APIRouter()


@router.options(f"{PATH}/{{token}}", include_in_schema=False)
async def options(request: Request) -> Response:
    """Say which protocol is spoken, and whether another origin's page may send files here."""
    origins = services_of(request).origins
    headers = {
        "allow": _METHODS,
        "tus-resumable": TUS_VERSION,
        "tus-version": TUS_VERSION,
        "tus-extension": "expiration,termination",
        "tus-max-size": str(services_of(request).settings.upload_max_bytes),
    }
    response = Response(status_code=204, headers=headers)
    response.raw_headers += origins.preflight(
        dict(request.scope["headers"]), methods=_METHODS.encode()
    )
    return response


@router.head(f"{PATH}/{{token}}", summary="How much of a file is here")
async def head(request: Request, token: str) -> Response:
    """Tell how many bytes are here (`Upload-Offset`), of how many, and until when."""
    try:
        staged, _ = await _found(request, token)
    except HttpRefusal as refusal:
        return _refused(refusal)
    return Response(status_code=200, headers=_state(staged))


@router.patch(f"{PATH}/{{token}}", summary="Send the next part of a file (tus 1.0)")
async def patch(request: Request, token: str) -> Response:
    """Write a part that begins at `Upload-Offset`."""
    services = services_of(request)
    try:
        _check_tus(request)
        if request.headers.get("content-type", "") != _PART:
            raise UnsupportedMediaType(f"Set `Content-Type: {_PART}`.", "Content-Type")
        offset = _number(request, "Upload-Offset")
        staged, paid = await _found(request, token)
        _check_length(request, staged, offset)
        taken = await services.uploads.take(staged, offset, request.receive)
        _give_back(paid, staged, taken, taken.received - offset)
    except HttpRefusal as refusal:
        return _refused(refusal)
    return Response(status_code=204, headers=_state(taken))


@router.put(f"{PATH}/{{token}}", summary="Send a file, or a part of it with `Content-Range`")
async def put(request: Request, token: str) -> Response:
    """Write a whole file, or the part that `Content-Range` names; answers how much is here.

    `Content-Range: bytes */SIZE` with an empty body only asks.
    """
    services = services_of(request)
    try:
        staged, paid = await _found(request, token)
        given = request.headers.get("content-range")
        if given is None:
            _check_length(request, staged, 0)
            taken = await services.uploads.take(staged, 0, request.receive, from_start=True)
            _give_back(paid, staged, taken, taken.received)
        elif (start := _range_start(request, given, staged)) is not None:
            taken = await services.uploads.take(staged, start, request.receive)
            _give_back(paid, staged, taken, taken.received - start)
        else:
            taken = staged
    except HttpRefusal as refusal:
        return _refused(refusal)
    body = {
        "receivedBytes": taken.received,
        "sizeBytes": taken.size,
        "isComplete": taken.is_complete,
    }
    return Response(orjson.dumps(body), 200, _state(taken), "application/json")


@router.delete(f"{PATH}/{{token}}", summary="Delete an upload")
async def delete(request: Request, token: str) -> Response:
    """Delete an upload that no import reads."""
    services = services_of(request)
    try:
        staged, _ = await _found(request, token)
        await services.uploads.remove(staged)
    except HttpRefusal as refusal:
        return _refused(refusal)
    return Response(status_code=204, headers={"tus-resumable": TUS_VERSION})


async def _found(request: Request, token: str) -> tuple[StagedFile, PaidRead]:
    """Find the upload of an address, which its athlete's account pays for.

    Raises HttpRefusal, DatabaseError.
    """
    services = services_of(request)
    find = partial(services.uploads.find, token)
    return await services.limits.link_reads.paid((PATH, token), request.scope, find, is_signed=True)


def _give_back(paid: PaidRead, before: StagedFile, after: StagedFile, brought: int) -> None:
    """Return what was paid for a request that brought much of the file, or its end."""
    if brought >= LEAST_BYTES or (after.is_complete and not before.is_complete):
        paid.give_back()


def _state(staged: StagedFile) -> dict[str, str]:
    return {
        "tus-resumable": TUS_VERSION,
        "upload-offset": str(staged.received),
        "upload-length": str(staged.size),
        "upload-expires": format_datetime(staged.expires_at, usegmt=True),
        "cache-control": "no-store",
    }


def _check_tus(request: Request) -> None:
    if request.headers.get("tus-resumable") != TUS_VERSION:
        raise UploadVersion


def _check_length(request: Request, staged: StagedFile, offset: int) -> None:
    """Refuse a body that is announced to be too long, before it is read."""
    announced = request.headers.get("content-length", "")
    if _NUMBER.fullmatch(announced) and offset + int(announced) > staged.size:
        raise UploadTooLong(staged.size)


def _range_start(request: Request, given: str, staged: StagedFile) -> int | None:
    """Get where a part begins; None for a question. Raises HttpRefusal."""
    found = _RANGE.fullmatch(given)
    if found is None:
        raise BadRequest(
            "`Content-Range` must be `bytes FIRST-LAST/SIZE` or `bytes */SIZE`.", "Content-Range"
        )
    first, last, size = found.groups()
    if int(size) != staged.size:
        message = f"The upload was staged with {staged.size} bytes, not {size}."
        raise BadRequest(message, "Content-Range")
    if first is None:
        return None
    if not int(first) <= int(last) < staged.size:
        raise BadRequest("`Content-Range` is not within the file.", "Content-Range")
    announced = request.headers.get("content-length")
    if announced is not None and announced != str(int(last) - int(first) + 1):
        raise BadRequest("`Content-Range` and `Content-Length` disagree.", "Content-Range")
    return int(first)


def _number(request: Request, name: str) -> int:
    given = request.headers.get(name, "")
    if not _NUMBER.fullmatch(given):
        raise BadRequest(f"`{name}` must be a number of bytes.", name)
    return int(given)


def _refused(refusal: HttpRefusal) -> Response:
    headers = {"tus-resumable": TUS_VERSION, **refusal.headers}
    body = error_body(refusal.code, refusal.message, field=refusal.field)
    return Response(body, refusal.status, headers, "application/json")
