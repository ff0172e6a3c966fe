"""The units, images and manifests of `deploy/`: they name settings, commands and paths that exist, give
processes the time that they take to end, and let them do no more than they must.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cli import _COMMANDS
from settings import Settings
from tests.test_architecture import TOPS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())["services"]
OURS = {name: each for name, each in COMPOSE.items() if each["image"] == "pacegraph"}
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
MANIFESTS = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "pacegraph.yaml").read_text()))
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in MANIFESTS
    if each["kind"] in {"Deployment", "Job"}
}
OF_OTHERS = {"PATH", "PYTHONDONTWRITEBYTECODE", "POSTGRES_USER", "POSTGRES_DB"}
OF_OTHERS |= {"PROXY_BIND", "API_1", "API_2"}
PROBES = {"/healthz", "/readyz"}
MARGIN_S = 2


def unit(path: Path) -> dict[str, list[str]]:
    """The values of each directive."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def environment_of(path: Path) -> dict[str, str]:
    pairs = [each for line in unit(path).get("Environment", []) for each in shlex.split(line)]
    return dict(each.split("=", 1) for each in pairs)


def needed_s(environment: dict[str, str]) -> float:
    return sum(float(environment[f"SHUTDOWN_{each}_S"]) for each in ("DELAY", "GRACE")) + MARGIN_S


def test_all_settings_exist_and_are_valid():
    config = next(each["data"] for each in MANIFESTS if each["kind"] == "ConfigMap")
    environments = [environment_of(path) for path in UNITS] + [config]
    environments += [each.get("environment", {}) for each in COMPOSE.values()]
    image = re.search(r"^ENV (.*)$", CONTAINERFILE, re.MULTILINE)
    environments.append(dict(each.split("=", 1) for each in shlex.split(image[1])))
    assert len(environments) > 8
    for each in environments:
        given = {name.lower(): value for name, value in each.items() if name not in OF_OTHERS}
        assert set(given) <= set(Settings.model_fields)
        Settings(**given, _env_file=None)


def test_all_commands_exist():
    given = [shlex.split(unit(path)["ExecStart"][0])[3] for path in UNITS]
    given += [each.get("command", ["api"])[0] for each in OURS.values()]
    given += [each["containers"][0]["args"][0] for each in PODS.values()]
    assert {"api", "worker", "migrate"} == set(given)
    assert set(given) <= {each.name for each in _COMMANDS}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_may_do_little(path):
    given = unit(path)
    assert given["User"] == ["pacegraph"]
    assert given["ProtectSystem"] == ["strict"]
    assert given["CapabilityBoundingSet"] == [""]
    for each in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictSUIDSGID"):
        assert given[each] == ["yes"], each


@pytest.mark.parametrize("name", PODS)
def test_pods_may_do_little(name):
    pod = PODS[name]
    [container] = pod["containers"]
    may = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert may["readOnlyRootFilesystem"] is True
    assert (may["allowPrivilegeEscalation"], may["capabilities"]) == (False, {"drop": ["ALL"]})
    volumes = {each["name"] for each in pod["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", PODS)
def test_pods_say_what_they_need(name):
    needs = PODS[name]["containers"][0]["resources"]
    assert (set(needs["requests"]), set(needs["limits"])) == ({"cpu", "memory"}, {"memory"})


@pytest.mark.parametrize("part", ["api", "worker"])
def test_pods_of_a_part_are_on_several_machines_and_leave_these_one_at_a_time(part):
    labels = {"app": "pacegraph", "part": part}
    apart = PODS[f"pacegraph-{part}"]["affinity"]["podAntiAffinity"]
    [wish] = apart["preferredDuringSchedulingIgnoredDuringExecution"]
    assert wish["podAffinityTerm"] == {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": labels},
    }
    [budget] = [
        each["spec"]
        for each in MANIFESTS
        if each["kind"] == "PodDisruptionBudget"
        and each["spec"]["selector"]["matchLabels"] == labels
    ]
    # Two processes of the API, and two workers or many.
    assert budget == {
        {"api": "minAvailable", "worker": "maxUnavailable"}[part]: 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels},
    }


def test_the_job_of_a_migration_goes_before_the_next_one_comes():
    """Kubernetes changes no job: the one of the next image could not be applied."""
    [job] = [each["spec"] for each in MANIFESTS if each["kind"] == "Job"]
    assert job["ttlSecondsAfterFinished"] <= 3600


@pytest.mark.parametrize("name", OURS)
def test_containers_may_do_little(name):
    each = OURS[name]
    assert (each["read_only"], each["cap_drop"]) == (True, ["ALL"])
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)


def test_processes_have_the_time_to_end():
    api = next(path for path in UNITS if "api" in path.name)
    assert float(unit(api)["TimeoutStopSec"][0]) >= needed_s(environment_of(api))
    for each in OURS.values():
        assert float(each["stop_grace_period"].rstrip("s")) >= needed_s(each["environment"])
    config = next(each["data"] for each in MANIFESTS if each["kind"] == "ConfigMap")
    pod = PODS["pacegraph-api"]
    assert pod["terminationGracePeriodSeconds"] >= needed_s(config)
    ready = pod["containers"][0]["readinessProbe"]
    looks_s = ready["periodSeconds"] * ready["failureThreshold"]
    assert float(config["SHUTDOWN_DELAY_S"]) >= 2 * looks_s


def test_what_is_scaled_has_no_number_of_its_own():
    """Else each `kubectl apply` undoes what the autoscaler found."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]["minReplicas"]
        for each in MANIFESTS
        if each["kind"] == "HorizontalPodAutoscaler"
    }
    assert scaled == {"pacegraph-worker": 2}
    named = {
        each["metadata"]["name"]: each["spec"].get("replicas")
        for each in MANIFESTS
        if each["kind"] == "Deployment"
    }
    assert named == {"pacegraph-api": 2, "pacegraph-worker": None}


def test_probes_ask_what_is_served():
    [container] = PODS["pacegraph-api"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[kind]["httpGet"]
        assert asked["path"] in PROBES
        assert ports[asked["port"]] == 8000
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "else Redis restarts it"
    assert r"http://127.0.0.1:{e.get(\"PORT\")}/healthz" in CONTAINERFILE
    assert " PORT=8000 " in CONTAINERFILE
    assert COMPOSE["proxy"]["environment"]["API_1"] == (
        COMPOSE["api-1"]["networks"]["default"]["ipv4_address"] + ":8000"
    )
    trusted = OURS["api-1"]["environment"]["TRUSTED_PROXIES"]
    assert trusted == COMPOSE["proxy"]["networks"]["default"]["ipv4_address"]


def test_the_image_has_the_sources_and_nothing_else():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert (lines[0], lines[-1]) == ("*", "**/__pycache__")
    assert {line[0] for line in lines[1:-1]} == {"!"}
    allowed = {line[1:] for line in lines[1:-1]}
    of_others = {
        "LICENSE",
        "NOTICE",
        "alembic",
        "docs/errors.md",
        "pyproject.toml",
        "schema.graphql",
    }
    locks = {"requirements.lock", "requirements-dev.lock"}
    assert allowed == {f"{each}.py" if each == "cli" else each for each in TOPS} | of_others | locks
    assert all((ROOT / each).exists() for each in allowed)


@pytest.mark.whole
def test_the_list_of_packages_is_that_of_the_lock(tmp_path):
    made = tmp_path / "sbom.json"
    recipe = (ROOT / "Makefile").read_text().partition("\t@$(BIN)/python -m cyclonedx_py ")[2]
    arguments = recipe.partition("\n")[0].replace("build/sbom.cdx.json", str(made))
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", *shlex.split(arguments)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    found = json.loads(made.read_text())
    assert found["metadata"]["component"]["name"] == "pacegraph"
    locked = re.findall(
        r"^([\w.-]+)(?:\[.+\])?==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert {(each["name"], each["version"]) for each in found["components"]} == set(locked)
    assert all(each["externalReferences"][0]["hashes"] for each in found["components"])
