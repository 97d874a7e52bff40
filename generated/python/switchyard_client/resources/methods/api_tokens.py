"""What the clients must know of the rpcs of `api_tokens`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.auth.v1 import api_token_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE: Final = Method("/switchyard.auth.v1.ApiTokenService/CreateApiToken", api_token_service_pb2.CreateApiTokenRequest, api_token_service_pb2.CreateApiTokenResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.auth.v1.ApiTokenService/ListApiTokens", api_token_service_pb2.ListApiTokensRequest, api_token_service_pb2.ListApiTokensResponse, repeatable=True), "tokens", paging.by_token)
REVOKE: Final = Method("/switchyard.auth.v1.ApiTokenService/RevokeApiToken", api_token_service_pb2.RevokeApiTokenRequest, api_token_service_pb2.RevokeApiTokenResponse, repeatable=True)
