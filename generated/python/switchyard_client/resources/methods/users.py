"""What the clients must know of the rpcs of `users`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.auth.v1 import user_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE: Final = Method("/switchyard.auth.v1.UserService/CreateUser", user_service_pb2.CreateUserRequest, user_service_pb2.CreateUserResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.auth.v1.UserService/ListUsers", user_service_pb2.ListUsersRequest, user_service_pb2.ListUsersResponse, repeatable=True), "users", paging.by_token)
UPDATE: Final = Method("/switchyard.auth.v1.UserService/UpdateUser", user_service_pb2.UpdateUserRequest, user_service_pb2.UpdateUserResponse)
DELETE: Final = Method("/switchyard.auth.v1.UserService/DeleteUser", user_service_pb2.DeleteUserRequest, user_service_pb2.DeleteUserResponse, repeatable=True)
