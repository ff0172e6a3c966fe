"""Where the files that activities were imported from are kept as they came."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from settings.part import SettingsPart
from settings.value_types import Folder, WebUrl

OF_S3 = ("originals_s3_bucket", "originals_s3_access_key", "originals_s3_secret_key")
"""Settings without which S3 holds no file."""


class OriginalSettings(SettingsPart):
    originals: Literal["database", "folder", "s3", "off"] = Field(
        "database",
        description="Where files that activities were imported from are kept as they came, with "
        "zstd: database, folder or s3. off keeps no more of them.",
    )
    originals_folder: Folder | None = Field(
        None,
        description="Folder of originals, with ORIGINALS=folder, which API and workers share. "
        "Default: originals in PACEGRAPH_HOME.",
    )
    originals_s3_bucket: str | None = Field(
        None,
        min_length=3,
        max_length=63,
        description="Bucket of originals, with ORIGINALS=s3; also needed as long as some are there.",
    )
    originals_s3_endpoint: WebUrl | None = Field(
        None,
        description="Address of the S3 server, without the bucket, such as https://s3.example.org. "
        "Default: Amazon's in ORIGINALS_S3_REGION.",
    )
    originals_s3_region: str = Field(
        "us-east-1", min_length=1, max_length=100, description="Region of the bucket."
    )
    originals_s3_addressing: Literal["path", "host"] = Field(
        "path",
        description="Where requests name the bucket: in the path, or in the host, before that of "
        "the endpoint.",
    )
    originals_s3_prefix: str = Field(
        "originals/",
        max_length=500,
        pattern=r"^([A-Za-z0-9._=-]+/)*$",
        description="What names of originals in the bucket begin with: empty, or folders that end with /.",
    )
    originals_s3_access_key: SecretStr | None = Field(
        None, description="Key id of a user that may put, get and delete objects with the prefix."
    )
    originals_s3_secret_key: SecretStr | None = Field(None, description="Secret of that key.")
    originals_s3_timeout_s: float = Field(
        10,
        ge=0.1,
        le=300,
        description="Seconds for a request to the S3 server, its body included.",
    )
    originals_s3_retries: int = Field(
        2,
        ge=0,
        le=10,
        description="How often a request is repeated that the S3 server did not answer, or "
        "answered with an error of its own.",
    )
    originals_max_bytes: int = Field(
        2 * 2**30,
        ge=0,
        le=2**50,
        description="Bytes that an athlete's originals may take, with zstd. Files beyond it are "
        "imported, and not kept; the report says so.",
    )
    original_link_s: float = Field(
        3600,
        ge=60,
        le=604_800,
        description="Seconds for which an address of an original can be used.",
    )

    @model_validator(mode="after")
    def _name_the_bucket(self) -> Self:
        """With ORIGINALS=s3 there is a bucket, with a key."""
        missing = [name for name in OF_S3 if getattr(self, name) is None]
        if missing and self.originals == "s3":
            raise ValueError(f"ORIGINALS=s3 needs {missing[0].upper()}")
        return self
