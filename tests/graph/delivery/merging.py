"""How a client puts an answer together that came in parts, by either form."""

from typing import Any


def merged(payloads: list[dict[str, Any]]) -> Any:
    """Merge payloads, whatever their form is. Raises where a payload contradicts another."""
    first, *rest = payloads
    assert [each["hasNext"] for each in payloads] == [True] * len(rest) + [False]
    data, pending = first["data"], {}
    for payload in payloads:
        for each in payload.get("pending", ()):
            assert each["id"] not in pending, "an id is used once"
            pending[each["id"]] = each["path"]
        for each in payload.get("incremental", ()):
            if "id" in each:
                _add_by_id(data, pending[each["id"]], each)
            else:
                _add_by_path(data, each)
        for each in payload.get("completed", ()):
            del pending[each["id"]]
    assert not pending, "all are completed"
    return data


def errors_of(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All errors of an answer, wherever they stand."""
    found = []
    for payload in payloads:
        found += payload.get("errors", ())
        for each in (*payload.get("incremental", ()), *payload.get("completed", ())):
            found += each.get("errors", ())
    return found


def at(data: Any, path: list[str | int]) -> Any:
    for step in path:
        data = data[step]
    return data


def _add_by_id(data: Any, path: list[str | int], entry: dict[str, Any]) -> None:
    target = at(data, [*path, *entry.get("subPath", ())])
    if "items" in entry:
        target += entry["items"]
        return
    assert not target.keys() & entry["data"].keys(), "nothing is sent twice"
    target |= entry["data"]


def _add_by_path(data: Any, entry: dict[str, Any]) -> None:
    if "items" in entry:
        *path, index = entry["path"]
        target = at(data, path)
        assert index == len(target)
        target += entry["items"] or []
    elif entry["data"] is not None:
        _merge(at(data, entry["path"]), entry["data"])


def _merge(known: Any, new: Any) -> None:
    for key, value in new.items() if isinstance(new, dict) else enumerate(new):
        if isinstance(known, dict) and key not in known:
            known[key] = value
        elif isinstance(value, dict | list):
            _merge(known[key], value)
        else:
            assert known[key] == value, "what is sent twice is the same"
