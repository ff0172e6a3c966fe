"""Which documents and bodies are taken."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from settings.part import SettingsPart


class DocumentSettings(SettingsPart):
    document_max_tokens: int = Field(
        2000, ge=10, le=100_000, description="Maximum tokens in a GraphQL document."
    )
    document_max_depth: int = Field(
        12, ge=1, le=100, description="Maximum depth of fields. Introspection may be deeper."
    )
    document_max_aliases: int = Field(
        30,
        ge=0,
        le=10_000,
        description="Maximum aliases in an operation. One alias of each field does not count; those "
        "of a fragment count each time it is spread.",
    )
    document_max_root_fields: int = Field(
        30, ge=1, le=10_000, description="Maximum root fields of an operation."
    )
    document_max_directives: int = Field(
        50, ge=0, le=10_000, description="Maximum directives in a document."
    )
    body_max_bytes: int = Field(
        256 * 1024,
        ge=1024,
        le=100 * 1024 * 1024,
        description="Maximum bytes of a request's body, or of a WebSocket message. A URL may have "
        "as many, but at most 64 KiB.",
    )
    body_timeout_s: float = Field(
        10, gt=0, le=300, description="Seconds a request's body may take to arrive."
    )
    introspection: Literal["on", "signed-in", "off"] = Field(
        "on",
        description="Callers that may use introspection. on: all. signed-in: signed-in callers. "
        "off: only administrators.",
    )
    suggestions: Literal["on", "off"] = Field(
        "off",
        description='on: errors about unknown names suggest known ones ("Did you mean …"). Meant '
        "for development.",
    )
    schema_usage: Literal["on", "off"] = Field(
        "on",
        description="on: count which fields, arguments and values each client uses, by its name "
        "and version (`pacegraph schema-usage`). Whose operations they were is not kept.",
    )
    schema_usage_retention_days: int = Field(
        400, ge=0, le=36_500, description="Days to keep the usage of the schema. 0: forever."
    )
    trusted_documents: Literal["off", "log", "enforce"] = Field(
        "off",
        description="enforce: run only documents of the manifest. log: run others too, but log "
        "and count them.",
    )
    trusted_documents_manifest: Path | None = Field(
        None,
        description="Path of the manifest: a JSON file as Relay, Apollo or GraphQL Codegen writes "
        "it, or a folder of them, one of each client.",
    )
    persisted_queries: Literal["on", "off"] = Field(
        "on",
        description=(
            "on: clients may register automatic persisted queries (APQ). Ignored unless "
            "TRUSTED_DOCUMENTS=off."
        ),
    )
    persisted_queries_max_bytes: int = Field(
        16 * 1024 * 1024, ge=1024, description="Maximum bytes of all registered queries in Redis."
    )
