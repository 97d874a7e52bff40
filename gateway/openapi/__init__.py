"""OpenAPI 3.1 from the same descriptors and options the routes are made of.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from gateway.openapi.document import openapi_document

__all__ = ["openapi_document"]
