"""The secrets of environments: one of Secrets Manager each, an object whose keys are variables."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from workers.environments.aws import names
from workers.environments.aws.account import Account, Answer
from workers.environments.provider import ENVIRONMENT_TAG
from workers.environments.retrying import Later, Patience

_ABSENT = "ResourceNotFoundException"
# What is just being removed for good, and says so for some seconds.
_LEAVING = "InvalidRequestException"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Writes, finds and removes them. What they hold is never read back."""

    account: Account
    patience: Patience

    async def write(self, environment_id: str, values: Mapping[str, str]) -> str:
        """Return the name (ARN) of its secret, which holds `values` now."""
        text = json.dumps(dict(values))

        async def step() -> str:
            return await self._write(environment_id, text)

        return await self.patience.insist(step)

    async def remove(self, environment_id: str) -> None:
        """Remove it for good, which may be gone."""
        name = names.secret_name(environment_id)

        async def step() -> None:
            await self.account.find(
                "secretsmanager", "delete_secret", {_ABSENT}, SecretId=name, ForceDeleteWithoutRecovery=True
            )

        await self.patience.insist(step)

    async def there(self, environment_id: str) -> bool:
        """Tell whether it has one."""

        async def look() -> bool:
            answer = await self._describe(names.secret_name(environment_id))
            return answer is not None and not answer.get("DeletedDate")

        return await self.patience.insist(look)

    async def pages(self) -> AsyncIterator[Sequence[str]]:
        """Return the ids of all environments that have one, page by page."""
        tagged = [{"Key": "tag-key", "Values": [ENVIRONMENT_TAG]}]
        async for page in self.account.pages(
            "secretsmanager", "list_secrets", "NextToken", Filters=tagged, MaxResults=100
        ):
            yield [tag for secret in page["SecretList"] if (tag := names.tag_of(secret))]

    async def _write(self, environment_id: str, text: str) -> str:
        name = names.secret_name(environment_id)
        arn = await self._arn(name)
        if arn is None:
            made = await self.account.find(
                "secretsmanager",
                "create_secret",
                {"ResourceExistsException", _LEAVING},
                secret=True,
                Name=name,
                SecretString=text,
                Tags=names.upper_tags(environment_id),
            )
            if made is None:
                raise Later("secretsmanager:create_secret: the name is not free yet")
            return str(made["ARN"])
        await self.account.call("secretsmanager", "put_secret_value", secret=True, SecretId=name, SecretString=text)
        return arn

    async def _arn(self, name: str) -> str | None:
        answer = await self._describe(name)
        if answer is None:
            return None
        if answer.get("DeletedDate"):
            # Somebody has removed it by hand, and can still change their mind; what we remove is gone for good.
            restored = await self.account.find("secretsmanager", "restore_secret", {_ABSENT, _LEAVING}, SecretId=name)
            if restored is None:
                return None
        return str(answer["ARN"])

    async def _describe(self, name: str) -> Answer | None:
        return await self.account.find("secretsmanager", "describe_secret", {_ABSENT}, SecretId=name)
