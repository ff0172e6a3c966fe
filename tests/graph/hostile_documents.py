"""Documents made to hurt whoever parses, measures or validates them, with the code of their
refusal.

None: it is sound, and only takes as long as a document may. Each is as large as the limits let it
be.
"""

Attack = tuple[str, str | None]

LARGE, DEEP, COMPLEX = "DOCUMENT_TOO_LARGE", "DOCUMENT_TOO_DEEP", "DOCUMENT_TOO_COMPLEX"
INVALID, UNREADABLE = "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"
ALIASES, ROOTS, DIRECTIVES = "TOO_MANY_ALIASES", "TOO_MANY_ROOT_FIELDS", "TOO_MANY_DIRECTIVES"


def _each(count: int, template: str) -> str:
    return " ".join(
        template.replace("#", str(number)).replace("+", str(number + 1)) for number in range(count)
    )


def _nested(opening: str, levels: int, inside: str = "", closing: str = "}") -> str:
    return opening * levels + inside + closing * levels


def _activities(inside: str) -> str:
    return "{ viewer { athlete { " + inside + " } } }"


LONG: dict[str, Attack] = {
    "name": ("{ " + "a" * 63_900 + " }", INVALID),
    "string": ('{ node(id: "' + "\\n" * 31_900 + '") { id } }', None),
    "unended-string": ('{ node(id: "' + "a" * 63_900, UNREADABLE),
    "block-string": ('{ node(id: """' + "a\n" * 31_900 + '""") { id } }', None),
    "unended-block-string": ('{ node(id: """' + "a\n" * 31_900, UNREADABLE),
    "many-strings": ("{ nodes(ids: [" + '"\\u0041\\u0041\\u0041" ' * 1900 + "]) { id } }", None),
    "many-block-strings": (
        "{ nodes(ids: [" + '"""a\n a\n a\n a\n a\n""" ' * 1900 + "]) { id } }",
        None,
    ),
    "number": ("{ a(b: " + "9" * 63_900 + ") }", INVALID),
    "comment": ("#" + "a" * 63_900 + "\n{ __typename }", None),
    "comments": ("#\n" * 2001 + "{ __typename }", LARGE),
    "blanks": (" " * 63_900 + "{ __typename }", None),
    "lines": ("\n" * 63_900 + "{ __typename }", None),
    "beyond-the-length": ("{ a" + " " * 64_000 + " }", LARGE),
    "megabytes": ('{ node(id: "' + "a" * 200_000 + '") { id } }', LARGE),
    "tokens": ("{ " + "a " * 30_000 + "}", LARGE),
}
NESTED: dict[str, Attack] = {
    "fields": (_nested("{a", 660), DEEP),
    "open-fields": ("{a" * 990, DEEP),
    "lists": ("{ a(b: " + _nested("[", 900, closing="]") + ") }", DEEP),
    "objects": ("{ a(b: " + _nested("{a:", 400, "1") + ") }", DEEP),
    "types": ("query($a: " + _nested("[", 900, "ID", "]") + ") { __typename }", DEEP),
    "inline-fragments": (_nested("{...", 600, "{a}"), DEEP),
    "190-fields": (
        _activities(_nested("activities { nodes { athlete { ", 60, "id", " } } }")),
        DEEP,
    ),
    "198-lists": ("{ nodes(ids: " + _nested("[", 197, closing="]") + ") { id } }", INVALID),
    "198-objects": ("{ ageGrade(input: " + _nested("{a:", 197, "1") + ") { percent } }", INVALID),
    "195-inline-fragments": ("{" + _nested("... on Query {", 195, "__typename") + "}", None),
    "introspection": (
        "{ __schema { types { " + _nested("fields { type { ", 60, "name", " } }") + " } } }",
        DEEP,
    ),
    "unused-fragment": (
        "{ __typename } fragment x on Activity { " + _nested("duplicateOf {", 190, "id") + " }",
        DEEP,
    ),
}
REPEATED: dict[str, Attack] = {
    "root-fields": ("{" + " __typename" * 1990 + "}", ROOTS),
    "unknown-root-fields": ("{" + _each(1990, "a#") + "}", ROOTS),
    "aliases": ("{" + _each(600, "a#: __typename") + "}", ALIASES),
    "one-alias": (_activities("id " + "a: id " * 600), ALIASES),
    "fields": (_activities("id " * 1900), COMPLEX),
    "objects": (_activities("activities { nodes { id } } " * 200), COMPLEX),
    "objects-with-arguments": (
        _activities(_each(150, "activities(first: #) { nodes { id } }")),
        COMPLEX,
    ),
    "objects-in-objects": (
        _activities(("activities { " + "nodes { id } " * 20 + "} ") * 20),
        COMPLEX,
    ),
    "introspection": (
        "{ __schema { " + "types { fields { type { ofType { name } } } } " * 150 + "} }",
        COMPLEX,
    ),
    "directives": ("{ a " + "@skip(if: true) " * 280 + "}", DIRECTIVES),
    "directives-of-variables": ("query(" + _each(200, "$a#: ID @a @a") + ") { a }", DIRECTIVES),
    "arguments": ("{ node(" + "id: 1 " * 640 + ") { id } }", INVALID),
    "unknown-arguments": ("{ node(" + _each(640, "a#: 1") + ") { id } }", INVALID),
    "input-fields": ("{ ageGrade(input: {" + "a: 1 " * 640 + "}) { percent } }", INVALID),
    "unknown-input-fields": (
        "{ ageGrade(input: {" + _each(640, "a#: 1") + "}) { percent } }",
        INVALID,
    ),
    "wrong-values": ("{ nodes(ids: [" + "1.5 " * 1900 + "]) { id } }", INVALID),
    "variables": ("query(" + "$a: ID " * 395 + ") { a }", INVALID),
    "unused-variables": ("query(" + _each(395, "$a#: ID") + ") { __typename }", INVALID),
    "used-variables": (
        "query(" + _each(280, "$a#: ID!") + ") { nodes(ids: [" + _each(280, "$a#") + "]) { id }}",
        None,
    ),
    "operations": (_each(399, "query q# { __typename }"), None),
    "operations-of-one-name": ("query q { __typename } " * 399, INVALID),
    "anonymous-operations": ("{a}" * 660, INVALID),
    "type-definitions": (_each(280, "type A# { a: Int }"), INVALID),
}
SPREAD: dict[str, Attack] = {
    "cycle": ("{ ...a0 } fragment a240 on Query { ...a0 } " + _each(240, "fragment a# on Query { ...a+ }"), COMPLEX),
    "short-cycle": ("{ ...a0 } fragment a9 on Query { ...a0 } " + _each(9, "fragment a# on Query { ...a+ }"), INVALID),
    "chain": ("{ ...a0 } fragment a240 on Query { a } " + _each(240, "fragment a# on Query { ...a+ }"), COMPLEX),
    "itself": ("{ ...a } fragment a on Query { " + "...a " * 900 + "}", INVALID),
    "doubling": (
        "{ __typename ...a0 } fragment a150 on Query { a: __typename } "
        + _each(150, "fragment a# on Query { ...a+ ...a+ }"),
        ALIASES,
    ),
    "doubling-objects": (
        "{ viewer { athlete { activities { nodes { ...a0 } } } } } fragment a6 on Activity { id } "
        + _each(6, "fragment a# on Activity { duplicateOf { ...a+ } duplicateOf { ...a+ } }"),
        None,
    ),
    "each-spreads-all": (
        "{ ...a0 } " + _each(28, "fragment a# on Query { " + "...a1 ...a2 " * 14 + "}"),
        INVALID,
    ),
    "by-all-operations": (
        _each(150, "query q# { ...a0 }") + " fragment a120 on Query { __typename } "
        + _each(120, "fragment a# on Query { ...a+ }"),
        None,
    ),
    "side-by-side": (
        _activities(_each(90, "...a#")) + _each(90, "fragment a# on Athlete { id __typename displayName }"), COMPLEX
    ),
    "unused": ("{ __typename } " + _each(280, "fragment a# on Query { a }"), INVALID),
}  # fmt: skip


ATTACKS: dict[str, Attack] = {
    f"{kind}-{name}": attack
    for kind, attacks in {
        "long": LONG,
        "nested": NESTED,
        "repeated": REPEATED,
        "spread": SPREAD,
    }.items()
    for name, attack in attacks.items()
}
