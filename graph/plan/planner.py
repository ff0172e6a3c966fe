"""Runs query operations by plan: one statement for all that is stored, and Python for the little that is computed.

Whatever a plan does not cover, and whatever goes wrong in one, is left to graphql-core: it owns errors and null
propagation, and a query has no effects, so it can be run again.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError
from graphql.execution.values import VariableValues

from db.errors import DatabaseError
from db.statements.visibility import Audience
from graph.cache import Entry, ResolverCache, Wanted
from graph.charge import objects_in_json
from graph.context import Context
from graph.documents import Documents, Operation
from graph.errors import CallerError
from graph.plan.apart import Apart
from graph.plan.computed import computed
from graph.plan.plan import Plan, asked_type, compile_plan
from graph.plan.selection import Field, NotPlanned
from graph.plan.tree import Asked, Tree
from graph.plan.unit import CONSTANT
from graph.schema import Schema
from graph.versions import DataVersions

_SCHEMA_PUBLIC_S = 60
_MOST_INLINE = 60
"""Fields that are compiled at once, in some 5 ms; more of them beside the loop."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """An operation's data: its JSON in parts, and how many objects it has without the root.

    `public_s` is for how many seconds everybody may be told the same, None where it is the caller's own; `age_s` how
    old it is already.
    """

    parts: list[bytes]
    objects: int
    public_s: int | None = None
    age_s: int = 0


class Planner:
    """Plans and runs the queries of one process, through the cache where it has one."""

    def __init__(
        self,
        schema: Schema,
        documents: Documents,
        cache: ResolverCache | None = None,
        versions: DataVersions | None = None,
    ) -> None:
        self._schema, self._documents, self._cache, self._versions = schema, documents, cache, versions
        self._apart = Apart()
        self.planned = 0
        """How many operations ran by plan, since the process started."""
        self.fallbacks: Counter[str] = Counter()
        """How many were left to graphql-core, by reason."""

    async def close(self) -> None:
        if self._versions is not None:
            await self._versions.close()

    async def answer(self, context: Context, operation: Operation, variables: VariableValues) -> Found | None:
        """Answer a query with its data; None: graphql-core is to run it. Raises DatabaseError."""
        try:
            return await self._run(context, operation, variables)
        except NotPlanned as error:
            self.fallbacks[error.reason] += 1
        except CallerError as error:
            self.fallbacks[error.code] += 1
        except GraphQLError:  # arguments do not fit, which only their values tell
            self.fallbacks["arguments"] += 1
        except DatabaseError:
            raise  # graphql-core would meet it too, after waiting as long again
        except Exception:
            # A loss of speed, not of an answer; but a plan is to be mended.
            logger.warning("a plan failed, graphql-core takes over", exc_info=True)
            self.fallbacks["failed"] += 1
        return None

    async def _run(self, context: Context, operation: Operation, variables: VariableValues) -> Found:
        if operation.is_introspection:
            return await self._introspect(operation, variables)
        tree = self._tree(operation, variables)
        asked = tree.read(variables)

        async def compute(places: Sequence[int]) -> list[bytes]:
            key = (context.viewer.audience, operation.directives(variables), tuple(places))
            plan = await self._plan(context, operation, tree, asked, key)
            row = await plan.fetch(context, asked)
            return [
                row[column].encode() if column is not None else computed(tree.roots[place], context, asked)
                for place, column in zip(places, plan.columns, strict=True)
            ]

        wanted = await self._wanted(context, tree, variables, asked) if tree.may_be_cached else None
        if wanted is None:
            bodies = await compute(range(len(tree.roots)))
            found = Found(_object(tree.roots, bodies), sum(map(objects_in_json, bodies)) + _absent(tree.roots, bodies))
        else:
            assert self._cache is not None
            found = _found(tree.roots, await self._cache.answers(wanted, compute), wanted)
        self.planned += 1
        return found

    async def _wanted(
        self, context: Context, tree: Tree, variables: VariableValues, asked: Asked
    ) -> list[Wanted | None] | None:
        """Tell what of the cache each root field asks for; None where nothing is cached. Raises InvalidId."""
        cache, viewer = self._cache, context.viewer
        if cache is None or self._versions is None or not context.switches.resolver_cache:
            return None
        subjects = []
        for selected, unit in zip(tree.roots, tree.units, strict=True):
            arguments = asked.roots.get(selected, {})
            lifetime_s = cache.lifetime_s(unit.kinds(arguments)) if unit.may_be_cached else 0.0
            subjects.append((unit.subject(viewer, arguments), lifetime_s) if lifetime_s else (None, 0.0))
        stored = {subject for subject, _ in subjects if subject is not None and subject != CONSTANT}
        if not stored and all(subject is None for subject, _ in subjects):
            return None
        versions = {CONSTANT: 0, **(await self._versions.of(stored) if stored else {})}
        return [
            Wanted(unit.key(context.caller, subject, variables), subject, versions[subject], lifetime_s)
            if subject in versions else None
            for unit, (subject, lifetime_s) in zip(tree.units, subjects, strict=True)
        ]  # fmt: skip

    async def _introspect(self, operation: Operation, variables: VariableValues) -> Found:
        """Answer what is the same each time; graphql-core finds it out once: it takes 50 ms."""
        key = tuple(sorted(variables.coerced.items()))
        found: bytes | None = operation.answers.find(key)
        if found is None:
            found = await self._documents.introspect(operation, variables)
            if found is None:
                raise NotPlanned("introspection")
            operation.answers.keep(key, found)
        self.planned += 1
        return Found([found], 0, _SCHEMA_PUBLIC_S)

    def _tree(self, operation: Operation, variables: VariableValues) -> Tree:
        key = operation.directives(variables)
        found: Tree | None = operation.trees.find(key)
        if found is None:
            found = Tree.of(self._schema, operation, variables)
            operation.trees.keep(key, found)
        return found

    async def _plan(
        self,
        context: Context,
        operation: Operation,
        tree: Tree,
        asked: Asked,
        at: tuple[Audience, Any, tuple[int, ...]],
    ) -> Plan:
        """Get the plan `at` an audience, values of directives, and the places of the root fields it is for."""
        shapes = tuple([each.shape for each in asked.arguments.values()])
        types = tuple([asked_type(selected, values) for selected, values in asked.roots.items()])
        key = (at, shapes, types)
        found: Plan | None = operation.plans.find(key)
        if found is None:
            if tree.size <= _MOST_INLINE:
                found = compile_plan(context, tree, asked, at[-1])
            else:
                found = await self._apart.run(compile_plan, context, tree, asked, at[-1])
            operation.plans.keep(key, found)
        return found


def _object(roots: list[Field], answers: Sequence[bytes]) -> list[bytes]:
    """Write the object of the roots' answers, in parts: a large answer is copied no more often than it must be."""
    parts: list[bytes] = []
    for selected, answer in zip(roots, answers, strict=True):
        parts += [b'%b"%b":' % (b"," if parts else b"{", selected.response_name.encode()), answer]
    return [*parts, b"}"] if parts else [b"{}"]


def _absent(roots: list[Field], bodies: Sequence[bytes]) -> int:
    """Count the nulls in lists: only `nodes` has any."""
    return sum(
        orjson.loads(body).count(None)
        for selected, body in zip(roots, bodies, strict=True)
        if selected.name == "nodes" and b"null" in body
    )


def _found(roots: list[Field], entries: Sequence[Entry], wanted: Sequence[Wanted | None]) -> Found:
    public = all(each is not None and each.subject == CONSTANT for each in wanted)
    return Found(
        _object(roots, [entry.body for entry in entries]),
        sum(entry.objects for entry in entries) + _absent(roots, [entry.body for entry in entries]),
        int(min(entry.lifetime_s for entry in entries)) if public else None,
        int(max(entry.age_s for entry in entries)) if public else 0,
    )
