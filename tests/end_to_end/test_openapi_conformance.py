"""The running system keeps to its own OpenAPI document."""

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from tests.end_to_end.system import System, wait_until

SCHEMATHESIS: Final = Path(sysconfig.get_path("scripts")) / "schemathesis"
CONFIGURATION: Final = Path(__file__).parent / "schemathesis.toml"
API_KEY: Final = "k-of-the-conformance-test"
# Generated requests per operation and phase, beside those that the document itself leads to.
EXAMPLES: Final = int(os.environ.get("OPENAPI_EXAMPLES", "2"))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system whose API key is known, and that counts no requests."""
    with System(tmp_path_factory.mktemp("system"), {"API_KEY": API_KEY, "RATE_LIMIT_PER_MINUTE": "0"}) as system:
        system.start()
        yield system


def test_the_document_is_valid_openapi_3_1_and_its_examples_fit_their_schemas(system: System) -> None:
    document = system.client.get("/openapi.json").json()

    validate(document)
    examples = list(with_examples(document))
    assert len(examples) > 100
    for one in examples:
        OAS31Validator({**one["schema"], "components": document["components"]}).validate(one["example"])


# Requests that fit the document and requests that do not; status, headers, media type and body of each answer; other
# methods, missing and false credentials; ids followed from one answer into the next request, deleted ones too.
@pytest.mark.timeout(240 + 60 * EXAMPLES)
def test_schemathesis_finds_nothing_with_all_its_checks(system: System, tmp_path: Path) -> None:
    location = f"{system.url}/openapi.json"
    command = [str(SCHEMATHESIS), "--config-file", str(CONFIGURATION), "run", location, "--no-color"]
    command += ["--max-examples", str(EXAMPLES)]
    environment = os.environ | known_ids(system) | {"API_KEY": API_KEY}

    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"


def known_ids(system: System) -> dict[str, str]:
    """Ids that the configuration asks for, by the names of its variables."""
    instance_id, spare_id = system.create_instance(), system.create_instance()
    for each in (instance_id, spare_id):
        webhook = {"url": f"{system.url}/nobody-listens", "secret": "a secret of this test"}
        assert system.client.put(f"/api/bot-instances/{each}/webhook", json=webhook).status_code == 200
    run_id = system.start_run(instance_id)
    system.wait_for(instance_id, run_id)
    return {
        "INSTANCE_ID": instance_id,
        "SPARE_INSTANCE_ID": spare_id,
        "RUN_ID": run_id,
        "DELIVERY_ID": delivery_id(system, instance_id),
    }


def delivery_id(system: System, instance_id: str) -> str:
    """Id of the first delivery, once there is one."""
    found: list[str] = []

    def delivered() -> bool:
        page = system.client.get(f"/api/bot-instances/{instance_id}/webhook/deliveries").json()
        found.extend(delivery["id"] for delivery in page["deliveries"])
        return bool(found)

    wait_until(delivered, timeout=20, what=lambda: "there is no delivery")
    return found[0]


def with_examples(node: Any) -> Iterator[Any]:
    """Every object in `node` that holds an example and its schema."""
    if isinstance(node, dict):
        if "example" in node and "schema" in node:
            yield node
        for member in node.values():
            yield from with_examples(member)
    elif isinstance(node, list):
        for member in node:
            yield from with_examples(member)
