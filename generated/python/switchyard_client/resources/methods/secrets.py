"""What the clients must know of the rpcs of `secrets`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import secret_service_pb2

from ... import paging, resume
from ...method import Method, Paged

LIST: Final = Paged(Method("/switchyard.orchestrator.v1.SecretService/ListSecrets", secret_service_pb2.ListSecretsRequest, secret_service_pb2.ListSecretsResponse, repeatable=True), "secrets", paging.by_token)
PUT: Final = Method("/switchyard.orchestrator.v1.SecretService/PutSecret", secret_service_pb2.PutSecretRequest, secret_service_pb2.PutSecretResponse, repeatable=True)
DELETE: Final = Method("/switchyard.orchestrator.v1.SecretService/DeleteSecret", secret_service_pb2.DeleteSecretRequest, secret_service_pb2.DeleteSecretResponse, repeatable=True)
