"""What `/metrics` shows, and whether an expression of PromQL fits it."""

import re
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

_SELECTOR = re.compile(r"\b(pacegraph_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
_GROUPS = re.compile(r"\b(?:by|on) \(([^)]*)\)")


@dataclass(frozen=True)
class Shown:
    """Names of metrics, with the values of each label. None: it has no sample before an event."""

    labels: dict[str, dict[str, set[str]] | None]

    @classmethod
    def from_text(cls, text: str) -> "Shown":
        labels: dict[str, dict[str, set[str]] | None] = {}
        for family in text_string_to_metric_families(text):
            seen: dict[str, set[str]] = {}
            for sample in family.samples:
                for name, value in sample.labels.items():
                    seen.setdefault(name, set()).add(value)
            name = family.name + ("_total" if family.type == "counter" else "")
            parts = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
            labels |= {name + part: seen if family.samples else None for part in parts}
        return cls(labels)

    def faults_of(self, expression: str) -> list[str]:
        """What the expression names and `/metrics` does not show."""
        named = _SELECTOR.findall(expression)
        faults = [f"no metric {metric}" for metric, _ in named if metric not in self.labels]
        labels: set[str] = set()
        for metric, matchers in named:
            values = self.labels.get(metric)
            if values is None:
                return faults
            labels |= set(values)
            for label, text in _MATCHER.findall(matchers):
                missing = set(text.split("|")) - values.get(label, set())
                faults += [f"no {metric} with {label}={each}" for each in sorted(missing)]
        grouped = {
            each.strip() for names in _GROUPS.findall(expression) for each in names.split(",")
        }
        return faults + [f"no label {each} in {expression}" for each in sorted(grouped - labels)]
