"""Date and time, in UTC unless a node is told another zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workers.workflow.errors import NodeFailed
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step

CATEGORY = "dates"


def _now(given: Given, step: Step) -> Result:
    return _told(step.now().astimezone(_zone(given["timezone"])), given["format"])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NodeFailed(f"its input 'timezone' is not the name of a time zone: {name!r:.60}") from error


def _told(moment: datetime, form: str) -> Result:
    try:
        written = moment.strftime(form) if form else moment.isoformat(timespec="seconds")
    except ValueError as error:
        raise NodeFailed(f"its input 'format' cannot be used: {error}") from error
    return {
        "result": written,
        "timestamp": int(moment.timestamp()),
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
    }


def _format(given: Given, _step: Step) -> Result:
    return _told(_read(given["datetime"], given["input_format"]), given["format"])


def _add(given: Given, _step: Step) -> Result:
    moment = _read(given["datetime"], given["input_format"])
    try:
        moment += timedelta(
            days=given["days"], hours=given["hours"], minutes=given["minutes"], seconds=given["seconds"]
        )
    except OverflowError as error:
        raise NodeFailed("the date lies beyond the calendar") from error
    return _told(moment, given["format"])


def _difference(given: Given, _step: Step) -> Result:
    span = _read(given["end"], given["input_format"]) - _read(given["start"], given["input_format"])
    seconds = int(span.total_seconds())
    return {"seconds": seconds, "minutes": seconds // 60, "hours": seconds // 3600, "days": span.days}


def _read(value: object, form: str) -> datetime:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        text = str(value)
        moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise NodeFailed(f"{value!r:.60} is not a date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_FORMAT = Input("format", "text", default="", aliases=("output_format",))
_INPUT_FORMAT = Input("input_format", "text", default="", aliases=("parse_format",))
_MOMENT = Input("datetime", required=True, aliases=("date", "value", "date_string", "input"))
_OUTPUTS = (
    Output("result", "text", aliases=("datetime", "date", "formatted", "value")),
    Output("timestamp", "integer"),
    Output("year", "integer"),
    Output("month", "integer"),
    Output("day", "integer"),
)

NODES = (
    NodeType(
        "GetCurrentDateTimeNode",
        CATEGORY,
        "Gives out the time.",
        _now,
        inputs=(_FORMAT, Input("timezone", "text", default="UTC")),
        outputs=_OUTPUTS,
        aliases=("CurrentDateTimeNode", "DateTimeNowNode", "GetDateTimeNode"),
    ),
    NodeType(
        "FormatDateTimeNode",
        CATEGORY,
        "Writes a date in another form.",
        _format,
        inputs=(_MOMENT, _FORMAT, _INPUT_FORMAT),
        outputs=_OUTPUTS,
        aliases=("ParseDateTimeNode", "DateFormatNode"),
    ),
    NodeType(
        "DateTimeAddNode",
        CATEGORY,
        "Adds a span of time.",
        _add,
        inputs=(
            _MOMENT,
            *(Input(unit, "number", default=0) for unit in ("days", "hours", "minutes", "seconds")),
            _FORMAT,
            _INPUT_FORMAT,
        ),
        outputs=_OUTPUTS,
        aliases=("DateAddNode",),
    ),
    NodeType(
        "DateTimeDiffNode",
        CATEGORY,
        "Tells the span between two dates; whole units, rounded down.",
        _difference,
        inputs=(
            Input("start", required=True, aliases=("start_date", "datetime_1")),
            Input("end", required=True, aliases=("end_date", "datetime_2")),
            _INPUT_FORMAT,
        ),
        outputs=tuple(Output(unit, "integer") for unit in ("seconds", "minutes", "hours", "days")),
        aliases=("DateDiffNode",),
    ),
)
