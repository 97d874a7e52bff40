"""HTTP rules from a gRPC API service configuration, for services whose .proto files have none or others.

Source: "Using gRPC API Service Configuration" in the comments of google/api/http.proto. Of the file (YAML, or JSON)
only `http.rules` is read; a rule replaces the annotation of the rpc it selects, and the last rule for an rpc wins.
`fully_decode_reserved_expansion` changes nothing: variables are decoded as if it were set.
"""

from collections.abc import Mapping
from pathlib import Path

import orjson
import yaml
from google.api import http_pb2

from gateway.codec import ParseError, parse


class ServiceConfigInvalid(Exception):
    """The file is no service configuration; the message names it and says why."""


def read_service_config(file: Path) -> Mapping[str, http_pb2.HttpRule]:
    """Full names of rpcs ("package.Service.Name") and their rules.

    Raises:
        ServiceConfigInvalid: the file cannot be read, is no YAML, or its rules are none of google.api.HttpRule.
    """
    try:
        config = yaml.safe_load(file.read_bytes())
        http = config.get("http") if isinstance(config, dict) else None
        if http is None:
            raise ServiceConfigInvalid(f"{file} has no `http` with rules")
        rules = parse(orjson.dumps(http), http_pb2.Http).rules
    except OSError as error:
        raise ServiceConfigInvalid(f"{file} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ServiceConfigInvalid(f"{file} is no YAML: {error}") from error
    except (ParseError, TypeError) as error:
        raise ServiceConfigInvalid(f"{file}: http: {error}") from error
    if not all(rule.selector for rule in rules):
        raise ServiceConfigInvalid(f"{file} has a rule without a selector")
    return {rule.selector: rule for rule in rules}
