"""Holds the simulator against Strava's published description and the models stravalib generates
from its schemas.

Where the simulator, like the real Strava, departs from them is listed here by name; all else is a
failure.
"""

import json
import re
import types
import warnings
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import httpx
import pytest
from pydantic import BaseModel, RootModel

from strava_simulator import create_simulator

with warnings.catch_warnings():
    # Importing stravalib changes the process's warning filters; this undoes it.
    from stravalib import strava_model

SWAGGER = json.loads((Path(__file__).parent / "data" / "strava_swagger.json").read_text())
RUN_ID = 3700002101

# Documented on other pages than the description.
NOT_DESCRIBED = {
    ("post", "/push_subscriptions"),
    ("get", "/push_subscriptions"),
    ("delete", "/push_subscriptions/{}"),
    ("post", "/oauth/token"),
    ("post", "/oauth/revoke"),
    ("post", "/oauth/deauthorize"),
}
# Sent by Strava (they stand in its own examples), absent from its schemas.
BEYOND_THE_SCHEMAS = {
    "SummaryAthlete": {"username", "bio", "badge_type_id", "weight", "friend", "follower"},
    "DetailedAthlete": {
        "username",
        "bio",
        "badge_type_id",
        "friend",
        "follower",
        "mutual_friend_count",
        "athlete_type",
        "date_preference",
    },
    "SummaryActivity": {
        "resource_state",
        "utc_offset",
        "has_heartrate",
        "average_heartrate",
        "max_heartrate",
        "visibility",
        "pr_count",
        "from_accepted_tag",
    },
    "MetaAthlete": {"resource_state"},
    "MetaActivity": {"resource_state"},
    "PolylineMap": {"resource_state"},
    "DetailedSegmentEffort": {"resource_state", "achievements"},
    "Lap": {"resource_state"},
}
BEYOND_THE_SCHEMAS["DetailedActivity"] = BEYOND_THE_SCHEMAS["SummaryActivity"]
# Not simulated: power, pictures, and what came after the simulator.
NOT_SIMULATED = {
    "average_watts",
    "device_watts",
    "elev_high",
    "elev_low",
    "hide_from_home",
    "kilojoules",
    "max_speed",
    "max_watts",
    "upload_id_str",
    "weighted_average_watts",
}


def misfits(model: Any, value: Any, path: str = "") -> list[str]:
    """Names of fields in `value` that `model` and the list above do not know, at any depth."""
    if isinstance(value, list):
        return [
            misfit
            for index, item in enumerate(value)
            for misfit in misfits(model, item, f"{path}[{index}]")
        ]
    if not isinstance(value, dict) or not isinstance(model, type) or issubclass(model, RootModel):
        return []
    known, found = model.model_fields, []
    for name, item in value.items():
        if name in known:
            found += misfits(model_in(known[name].annotation), item, f"{path}.{name}")
        elif name not in BEYOND_THE_SCHEMAS.get(model.__name__, ()):
            found.append(f"{path}.{name}")
    return found


def model_in(annotation: Any) -> Any:
    """The model inside `Sequence[Model] | None` and such; None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {Union, types.UnionType} or get_args(annotation):
        return next((found for part in get_args(annotation) if (found := model_in(part))), None)
    return None


def check(model: type[BaseModel], body: Any) -> None:
    model.model_validate_json(json.dumps(body), strict=True)
    assert misfits(model, body) == []


@pytest.fixture
def get(strava):
    token = strava.connect().access_token.get_secret_value()

    def get(path: str, token: str = token, status: int = 200) -> Any:
        answer = strava.http.get(f"/api/v3{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        return answer.json()

    return get


def test_the_athlete(strava, get):
    check(strava_model.DetailedAthlete, get("/athlete"))
    narrow = strava.connect(1002, ["read"]).access_token.get_secret_value()
    check(strava_model.SummaryAthlete, get("/athlete", narrow))


def test_summaries_of_real_and_synthetic_activities(strava, get):
    synthetic = strava.connect(1002).access_token.get_secret_value()
    pages = [get("/athlete/activities"), get("/athlete/activities?per_page=200", synthetic)]
    assert len(pages[0]) == 4
    for activity in [*pages[0], *pages[1]]:
        check(strava_model.SummaryActivity, activity)
        assert set(strava_model.SummaryActivity.model_fields) - set(activity) <= NOT_SIMULATED


def test_a_detailed_activity(get):
    body = get(f"/activities/{RUN_ID}")
    check(strava_model.DetailedActivity, body)
    assert set(strava_model.DetailedActivity.model_fields) - set(body) <= NOT_SIMULATED
    assert [split["split"] for split in body["splits_metric"]] == [1, 2, 3, 4]
    assert sum(split["elapsed_time"] for split in body["splits_metric"]) == body["elapsed_time"]
    assert sum(split["distance"] for split in body["splits_standard"]) == pytest.approx(
        body["distance"], abs=1
    )


def test_every_best_effort_has_the_fields_of_stravas_own_example(get):
    example = json.loads(
        (Path(__file__).parent / "data" / "activity_detail_example.json").read_text()
    )
    for effort in get(f"/activities/{RUN_ID}")["best_efforts"]:
        assert set(example["best_efforts"][0]) <= set(effort)


def test_streams(strava, get):
    body = get(f"/activities/{RUN_ID}/streams?keys=time,heartrate&key_by_type=true")
    check(strava_model.StreamSet, body)
    assert set(body) == {"time", "distance"}
    assert body["time"]["original_size"] == len(body["time"]["data"]) == 272
    as_list = get(f"/activities/{RUN_ID}/streams?keys=time")
    assert [stream["type"] for stream in as_list] == ["time", "distance"]


def test_synthetic_streams_have_a_heart_rate(strava, get):
    token = strava.connect(1002).access_token.get_secret_value()
    activity = next(a for a in get("/athlete/activities", token) if a["has_heartrate"])
    body = get(f"/activities/{activity['id']}/streams?keys=time,heartrate&key_by_type=true", token)
    check(strava_model.StreamSet, body)
    assert set(body) == {"time", "distance", "heartrate"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/activities/1", 404),
        ("/activities/x", 400),
        ("/nothing", 404),
        ("/athlete/activities?per_page=201", 400),
        ("/athlete/activities?page=0", 400),
        (f"/activities/{RUN_ID}/streams", 400),
    ],
)
def test_errors(get, path, status):
    body = get(path, status=status)
    check(strava_model.Fault, body)
    assert body["errors"]


@pytest.mark.parametrize(
    "kind", ["rate_limited", "unauthorized", "inactive", "server_error", "missing_scope"]
)
def test_faults_have_stravas_form(strava, kind):
    strava.fault(kind)
    check(strava_model.Fault, strava.http.get("/api/v3/athlete").json())


def test_this_check_notices_what_is_wrong(get):
    body = get(f"/activities/{RUN_ID}")
    for wrong in ({"distance": "3139"}, {"moving_time": 1.5}, {"manual": "no"}, {"start_date": 5}):
        with pytest.raises(ValueError, match="validation error"):
            check(strava_model.DetailedActivity, body | wrong)
    body["best_efforts"][0]["elapsd_time"] = 3
    with pytest.raises(AssertionError, match="elapsd_time"):
        check(strava_model.DetailedActivity, body)


# --- paths and parameters


def described() -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Strava's own: parameters by method and path, path parameters unnamed."""
    return {
        (method, nameless(path)): {
            parameter["name"]: parameter
            for parameter in map(resolved, operation.get("parameters", ()))
            if parameter["in"] == "query"
        }
        for path, operations in SWAGGER["paths"].items()
        for method, operation in operations.items()
        if method in {"get", "post", "put", "delete"}
    }


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    return (
        SWAGGER["parameters"][parameter["$ref"].split("/")[-1]]
        if "$ref" in parameter
        else parameter
    )


def nameless(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def simulated() -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    paths = create_simulator(runs=None, client_id="1", client_secret="s").openapi()["paths"]
    return {
        (method, nameless(path.removeprefix("/api/v3"))): {
            parameter["name"]: parameter
            for parameter in operation.get("parameters", ())
            if parameter["in"] == "query"
        }
        for path, operations in paths.items()
        if path.startswith("/api/v3/")
        for method, operation in operations.items()
    }


def kind_of(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", parameter)
    kinds = {part["type"] for part in schema.get("anyOf", [schema])} - {"null"}
    # A list separated by commas is one text in the address.
    return "string" if parameter.get("collectionFormat") == "csv" else kinds.pop()


def test_paths_and_parameters_are_stravas():
    theirs, ours = described(), simulated()
    assert set(ours) - set(theirs) == NOT_DESCRIBED
    assert len(set(ours) & set(theirs)) == 6
    for operation in set(ours) & set(theirs):
        assert {name: kind_of(parameter) for name, parameter in ours[operation].items()} == {
            name: kind_of(parameter) for name, parameter in theirs[operation].items()
        }


def test_the_usual_page_is_stravas():
    ours, theirs = (
        paths()["get", "/athlete/activities"]["per_page"] for paths in (simulated, described)
    )
    assert ours["schema"]["default"] == theirs["default"] == 30


def test_rate_limit_headers_on_every_answer(strava):
    for path in ("/api/v3/athlete", "/api/v3/nothing", "/oauth/authorize"):
        headers = strava.http.get(path).headers
        for kind in ("X-RateLimit", "X-ReadRateLimit"):
            for header in (f"{kind}-Limit", f"{kind}-Usage"):
                assert re.fullmatch(r"\d+,\d+", headers[header]), (path, header)


def test_tokens_only_in_the_header(strava):
    token = strava.connect().access_token.get_secret_value()
    answer = strava.http.get("/api/v3/athlete", params={"access_token": token})
    assert answer.status_code == httpx.codes.UNAUTHORIZED
