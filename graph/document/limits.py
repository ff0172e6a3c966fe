"""Limits of documents."""

from dataclasses import dataclass

from settings import Settings

_CHARACTERS_PER_TOKEN = 32

_COMPARISONS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Limits of one document. `max_characters` is for its text.

    `max_comparisons` bounds the check that fields of one response name can be merged, which grows
    with the square of their number.

    The values in an operation's variables count as tokens do: they may be as many.
    """

    max_characters: int
    max_tokens: int
    max_depth: int
    max_aliases: int
    max_root_fields: int
    max_directives: int
    suggests_names: bool

    @classmethod
    def from_settings(cls, settings: Settings) -> "DocumentLimits":
        return cls(
            max_characters=min(
                settings.body_max_bytes, _CHARACTERS_PER_TOKEN * settings.document_max_tokens
            ),
            max_tokens=settings.document_max_tokens,
            max_depth=settings.document_max_depth,
            max_aliases=settings.document_max_aliases,
            max_root_fields=settings.document_max_root_fields,
            max_directives=settings.document_max_directives,
            suggests_names=settings.suggestions == "on",
        )

    @property
    def max_comparisons(self) -> int:
        return _COMPARISONS_PER_TOKEN * self.max_tokens

    def tokens_of(self, text: str) -> int:
        """Get the tokens to charge for a text because of its length alone."""
        return min(self.max_tokens, len(text) // _CHARACTERS_PER_TOKEN)
