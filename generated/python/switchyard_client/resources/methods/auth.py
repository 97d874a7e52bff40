"""What the clients must know of the rpcs of `auth`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.auth.v1 import auth_service_pb2

from ... import paging, resume
from ...method import Method, Paged

LOGIN: Final = Method("/switchyard.auth.v1.AuthService/Login", auth_service_pb2.LoginRequest, auth_service_pb2.LoginResponse)
REFRESH: Final = Method("/switchyard.auth.v1.AuthService/Refresh", auth_service_pb2.RefreshRequest, auth_service_pb2.RefreshResponse)
LOGOUT: Final = Method("/switchyard.auth.v1.AuthService/Logout", auth_service_pb2.LogoutRequest, auth_service_pb2.LogoutResponse)
CHANGE_PASSWORD: Final = Method("/switchyard.auth.v1.AuthService/ChangePassword", auth_service_pb2.ChangePasswordRequest, auth_service_pb2.ChangePasswordResponse)
GET_ME: Final = Method("/switchyard.auth.v1.AuthService/GetMe", auth_service_pb2.GetMeRequest, auth_service_pb2.GetMeResponse, repeatable=True)
