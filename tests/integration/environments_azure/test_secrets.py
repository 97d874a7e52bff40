"""Secrets are in the one request that hands them over, and nowhere else."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.clouds.azure.cloud import Cloud
from tests.clouds.azure.faults import FaultKind
from tests.integration.environments_azure.conftest import ENVIRONMENT_ID, GROUP, HIDDEN, PLAN, REGION, Said
from workers.environments.azure.provider import AzureProvider
from workers.environments.azure.settings import read_settings
from workers.environments.provider import ProviderFailed


def hidden_in(*told: Any) -> list[str]:
    return [secret for secret in HIDDEN if secret in repr(told)]


async def test_only_the_request_that_makes_the_group_has_them(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())
    await provider.stop(ENVIRONMENT_ID, REGION, Said())
    await provider.start(PLAN, Said())
    await provider.describe(ENVIRONMENT_ID, REGION)
    await provider.delete(ENVIRONMENT_ID, REGION, Said())

    assert hidden_in([seen.url for seen in cloud.seen]) == []
    assert {seen.step for seen in cloud.seen if hidden_in(seen.body)} == {"put-group"}


async def test_azure_never_tells_them_again(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())

    group = await provider._groups.look(GROUP)
    assert group is not None
    assert hidden_in(group.serialize(keep_readonly=True)) == []


@pytest.mark.parametrize("kind", ["echoed", "quota", "error 500", "refused", "cut before"])
async def test_no_error_and_no_log_has_them_whatever_azure_says(
    kind: FaultKind, provider: AzureProvider, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud.faults.add("put-group", kind, times=100)
    steps = Said()

    with capture_logs() as logs, pytest.raises(ProviderFailed) as failure:
        await provider.create(PLAN, steps)

    assert any(line["event"] == "azure did not do it" for line in logs)
    shown = (str(failure.value), failure.value.__cause__, steps.names, logs, caplog.text)
    assert hidden_in(*shown) == []


@pytest.mark.parametrize("kind", ["echoed", "quota", "refused", "error 500"])
async def test_callers_are_told_no_word_of_azures(kind: FaultKind, provider: AzureProvider, cloud: Cloud) -> None:
    cloud.faults.add("put-group", kind, times=100)

    with pytest.raises(ProviderFailed) as failure:
        await provider.create(PLAN, Said())

    for word in ("StandardCores", "eastus", "Correlation", "app-1", "content was invalid"):
        assert word not in str(failure.value)


async def test_commands_and_scripts_hand_over_no_secret_in_a_url(provider: AzureProvider, cloud: Cloud) -> None:
    script = "echo script-with-a-secret"
    await provider.create(replace(PLAN, startup_script=script), Said())
    await provider.exec(ENVIRONMENT_ID, REGION, ["echo", "argument-with-a-secret"], Said())

    urls = repr([seen.url for seen in cloud.seen])
    assert "with-a-secret" not in urls


def test_settings_do_not_show_what_they_hide() -> None:
    settings = read_settings(
        {
            "AZURE_SUBSCRIPTION_ID": "s",
            "AZURE_RESOURCE_GROUP": "g",
            "AZURE_STORAGE_ACCOUNT": "a",
            "AZURE_STORAGE_KEY": HIDDEN[0],
            "AZURE_CLIENT_SECRET": HIDDEN[1],
        }
    )

    assert hidden_in(settings) == []
