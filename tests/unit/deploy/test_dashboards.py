"""The dashboard and the alerts ask for what a server shows: metrics and labels that exist, in valid expressions."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from promql_parser import VectorSelector

from server.parts import COUNTED_ELSEWHERE
from server.rpc.metrics import CallMetrics
from server.system.loop_lag import LoopLag
from server.system.metrics import ServerMetrics
from tests.unit.deploy.deployment import DEPLOY, ROOT

# Prometheus itself adds these to what it reads.
OWN_METRICS: Final = {"up": set[str]()}
OWN_LABELS: Final = {"job", "instance"}
# What samples of a family are called, by its type, and the labels they have besides.
SAMPLES: Final[dict[str, dict[str, set[str]]]] = {
    "counter": {"_total": set()},
    "gauge": {"": set()},
    "histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()},
}
# Values of variables that Grafana fills in.
VARIABLES: Final = {"$__rate_interval": "5m", "$job": ".*"}


def shown() -> dict[str, set[str]]:
    """The labels of every sample a server shows, by name."""
    metrics = ServerMetrics(COUNTED_ELSEWHERE)
    CallMetrics(metrics.registry)
    LoopLag(metrics.registry)
    collectors: set[Collector] = set(metrics.registry._collector_to_names)
    return {
        family.name + suffix: {*labels, *more}
        for collector in collectors
        for family, labels in families(collector)
        for suffix, more in SAMPLES[family.type].items()
    }


def families(collector: Collector) -> Iterator[tuple[Metric, tuple[str, ...]]]:
    """Each family of a collector with its labels, used or not."""
    for family in collector.collect():
        yield family, collector._labelnames if isinstance(collector, MetricWrapperBase) else ()


SHOWN: Final = OWN_METRICS | shown()


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DEPLOY / "grafana" / "switchyard.json").read_text())
    return read


def expressions() -> list[Any]:
    """Every expression, named by its alert or panel."""
    alerts = [pytest.param(rule["expr"], id=rule["alert"]) for rule in rules()]
    panels = [
        pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]
    return [*alerts, *panels]


def parsed(expression: str) -> Any:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return promql_parser.parse(expression)


def nodes(node: Any) -> Iterator[Any]:
    """The nodes of an expression, itself first."""
    yield node
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    for part in [*parts, *getattr(node, "args", ())]:
        if part is not None:
            yield from nodes(part)


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_for_is_shown(expression: str) -> None:
    selectors = [node for node in nodes(parsed(expression)) if isinstance(node, VectorSelector)]

    assert selectors
    for selector in selectors:
        assert selector.name in SHOWN
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= SHOWN[selector.name] | OWN_LABELS


@pytest.mark.parametrize("expression", expressions())
def test_what_is_summed_up_by_label_has_that_label(expression: str) -> None:
    for node in nodes(parsed(expression)):
        if not isinstance(node, promql_parser.AggregateExpr) or node.modifier is None:
            continue
        inner = list(nodes(node.expr))
        has = set[str]().union(*(SHOWN[str(one.name)] for one in inner if isinstance(one, VectorSelector)))
        made = {
            one.args[1].val for one in inner if isinstance(one, promql_parser.Call) and one.func.name == "label_replace"
        }

        assert set(node.modifier.labels) <= has | made | OWN_LABELS


# Source: https://prometheus.io/docs/practices/naming/
@pytest.mark.parametrize("name", sorted(SHOWN.keys() - OWN_METRICS.keys()))
def test_names_follow_the_conventions(name: str) -> None:
    assert re.fullmatch(r"(switchyard|process)(_[a-z]+)+", name)
    assert not SHOWN[name] & OWN_LABELS


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_it_is_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "runbook"}
    assert rule["annotations"]["runbook"].endswith(".")


def test_each_alert_stands_in_the_page_of_operations() -> None:
    page = (ROOT / "docs" / "how_to" / "operations.md").read_text()

    assert {rule["alert"] for rule in rules()} == set(re.findall(r"`(Switchyard[A-Z]\w+)`", page))


# Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
def test_the_dashboard_can_be_imported_anywhere() -> None:
    board = dashboard()

    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    assert board["uid"] == "switchyard"
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert names == {"datasource", "job"}
    sources = {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", ())}
    assert sources == {"${datasource}"}


def test_panels_lie_beside_one_another() -> None:
    taken = [
        (x, y)
        for panel in dashboard()["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
