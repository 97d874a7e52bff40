"""Text forms of Timestamp, Duration and FieldMask, to and from plain numbers and names.

Source: comments in google/protobuf/timestamp.proto, duration.proto and field_mask.proto.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from gateway.codec.errors import DumpError, ParseError

# 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since the epoch.
MIN_SECONDS: Final = -62135596800
MAX_SECONDS: Final = 253402300799
# About 10,000 years, in seconds, either way.
MAX_DURATION_SECONDS: Final = 315576000000

_EPOCH: Final = datetime(1970, 1, 1)
_TIMESTAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
# The star stands for every field (AIP-134, AIP-161).
_MASK_PATH: Final = re.compile(r"[a-zA-Z0-9.*]*", re.ASCII)
_TIMESTAMP_WANTED: Final = "must be a time such as 2024-01-15T10:30:00Z"
_DURATION_WANTED: Final = "must be a duration such as 1.5s"


def timestamp_text(seconds: int, nanos: int) -> str:
    """RFC 3339 in UTC with Z and 0, 3, 6 or 9 digits of fraction. Raises DumpError out of range."""
    text = _second_text(seconds)
    return f"{text}{_fraction(_checked_nanos(nanos))}Z" if nanos else f"{text}Z"


def offset_timestamp_text(seconds: int, nanos: int) -> str:
    """RFC 3339 in UTC with +00:00 and 0 or 6 digits of fraction. Raises DumpError out of range."""
    text = _second_text(seconds)
    micros = _checked_nanos(nanos) // 1000
    return f"{text}.{micros:06d}+00:00" if micros else f"{text}+00:00"


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise DumpError(f"timestamp of {seconds} seconds is outside the years 1 to 9999")
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def _checked_nanos(nanos: int) -> int:
    if not 0 <= nanos <= 999_999_999:
        raise DumpError(f"timestamp has {nanos} nanoseconds")
    return nanos


def _fraction(nanos: int) -> str:
    if nanos % 1_000_000 == 0:
        return f".{nanos // 1_000_000:03d}"
    if nanos % 1000 == 0:
        return f".{nanos // 1000:06d}"
    return f".{nanos:09d}"


def parse_timestamp(text: str) -> tuple[int, int]:
    """Seconds since the epoch (may be negative) and nanoseconds (0 to 999,999,999). Raises ParseError."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ParseError(_TIMESTAMP_WANTED)
    second_text, fraction, sign, offset_hours, offset_minutes = found.groups()
    try:
        since_epoch = datetime.fromisoformat(second_text) - _EPOCH
    except ValueError as error:
        raise ParseError(_TIMESTAMP_WANTED) from error
    seconds = since_epoch.days * 86400 + since_epoch.seconds
    if sign:
        seconds -= _offset_seconds(sign, int(offset_hours), int(offset_minutes))
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise ParseError(_TIMESTAMP_WANTED)
    return seconds, int(fraction.ljust(9, "0")) if fraction else 0


def _offset_seconds(sign: str, hours: int, minutes: int) -> int:
    if hours > 23 or minutes > 59:
        raise ParseError(_TIMESTAMP_WANTED)
    seconds = hours * 3600 + minutes * 60
    return -seconds if sign == "-" else seconds


def duration_text(seconds: int, nanos: int) -> str:
    """Seconds with 0, 3, 6 or 9 digits of fraction and "s". Raises DumpError out of range or with two signs."""
    if abs(seconds) > MAX_DURATION_SECONDS or abs(nanos) > 999_999_999:
        raise DumpError(f"duration of {seconds} seconds and {nanos} nanoseconds is out of range")
    if seconds * nanos < 0:
        raise DumpError("seconds and nanoseconds of a duration must have the same sign")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos)) if nanos else ''}s"


def parse_duration(text: str) -> tuple[int, int]:
    """Seconds and nanoseconds, both of the same sign. Raises ParseError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ParseError(_DURATION_WANTED)
    sign, whole, fraction = found.groups()
    seconds, nanos = int(whole), int(fraction.ljust(9, "0")) if fraction else 0
    if seconds > MAX_DURATION_SECONDS:
        raise ParseError(f"must be a duration of at most {MAX_DURATION_SECONDS}s")
    return (-seconds, -nanos) if sign else (seconds, nanos)


def field_mask_text(paths: Iterable[str]) -> str:
    """Paths in lowerCamelCase, joined by commas. Raises DumpError for a path that would not come back."""
    return ",".join(map(_camel_path, paths))


def _camel_path(path: str) -> str:
    camel = re.sub(r"_([a-z])", lambda found: found[1].upper(), path)
    if "_" in camel or _snake_path(camel) != path:
        raise DumpError(f"field mask path {path!r} has no form in lowerCamelCase")
    return camel


def parse_field_mask(text: str) -> list[str]:
    """Paths in snake_case. Raises ParseError for anything but letters, digits, stars, dots and commas."""
    paths = text.split(",") if text else []
    if not all(map(_MASK_PATH.fullmatch, paths)):
        raise ParseError("must be field paths in lowerCamelCase, joined by commas")
    return [_snake_path(path) for path in paths]


def _snake_path(path: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", path)
