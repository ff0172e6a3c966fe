"""The bucket of an S3 server with files that recordings were read from, as they came."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from runtime.errors import PacegraphError
from settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

_MOST_CHARACTERS = 500
_CONNECT_S = 5.0
_NOT_INSTALLED = "the package obstore is not installed: pip install 'pacegraph[s3]'"
_NO_BUCKET = "NoSuchBucket"
"""S3's code of an answer 404 that is not about the object."""


class BucketError(PacegraphError):
    """The S3 server did not answer, or refused; `str()` names the bucket, and no secret."""


class OriginalBucket:
    """Writes, reads and deletes objects, each named by its row's number. Safe to share by threads.

    The library has threads, which a forked process lacks. So a process that used it must not fork
    one that uses it too. Methods raise BucketError.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, number: int, packed: bytes) -> None:
        with self._told():
            self._store.put(str(number), packed, use_multipart=False)

    def read(self, number: int) -> bytes:
        """Raises FileNotFoundError too."""
        with self._told():
            return bytes(self._store.get(str(number)).bytes())

    def remove(self, number: int) -> None:
        """Delete an object; it is no error if there is none."""
        try:
            with self._told():
                self._store.delete(str(number))
        except FileNotFoundError:
            return

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise the library's errors as BucketError, but for an object that is not there."""
        try:
            from obstore.exceptions import BaseError
        except ImportError:
            raise BucketError(_NOT_INSTALLED) from None
        try:
            yield
        except FileNotFoundError as error:
            if _NO_BUCKET in str(error):
                raise BucketError(
                    f"there is no bucket {self._settings.originals_s3_bucket}"
                ) from None
            raise
        except (BaseError, OSError, ValueError) as error:
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise BucketError(text[:_MOST_CHARACTERS]) from None

    @cached_property
    def _store(self) -> "S3Store":
        """The library's store. All that it would take from AWS_… variables is given."""
        from obstore.store import S3Store

        settings = self._settings
        if settings.originals_s3_bucket is None:
            raise ValueError("ORIGINALS_S3_BUCKET is not set")
        host, in_host = self._address(settings.originals_s3_bucket)
        total = timedelta(seconds=settings.originals_s3_timeout_s)
        return S3Store(
            settings.originals_s3_bucket,
            prefix=settings.originals_s3_prefix or None,
            config={
                "endpoint": host,
                "region": settings.originals_s3_region,
                "virtual_hosted_style_request": in_host,
                "skip_signature": False,
                "unsigned_payload": False,
                "disable_bulk_delete": True,  # not all servers have it
            },
            credential_provider=self._credential,
            client_options={
                "allow_http": host.startswith("http://"),
                "connect_timeout": min(total, timedelta(seconds=_CONNECT_S)),
                "timeout": total,
            },
            retry_config={
                "max_retries": settings.originals_s3_retries,
                "retry_timeout": total,
                "backoff": {"max_backoff": timedelta(seconds=1)},
            },
        )

    def _address(self, bucket: str) -> tuple[str, bool]:
        """Get the endpoint as the library wants it, and whether it names the bucket."""
        given = self._settings.originals_s3_endpoint
        address = given or f"https://s3.{self._settings.originals_s3_region}.amazonaws.com"
        if self._settings.originals_s3_addressing == "path":
            return address, False
        scheme, _, rest = address.partition("://")
        return f"{scheme}://{bucket}.{rest}", True

    def _credential(self) -> "S3Credential":
        key, secret = self._settings.originals_s3_access_key, self._settings.originals_s3_secret_key
        return {
            "access_key_id": key.get_secret_value() if key else "",
            "secret_access_key": secret.get_secret_value() if secret else "",
            "token": None,
            "expires_at": None,
        }
