"""What the fuzzer must not send, and why."""

import re

import schemathesis

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def integers(value):
    """The same JSON value with `4205.0` written as `4205`.

    To JSON Schema the two are one integer. This API takes the plain form only: units and money are 64-bit, and a
    number with a fraction part has already been through a float somewhere, where 2**53 + 1 is lost without a trace.
    """
    if isinstance(value, dict):
        return {key: integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [integers(item) for item in value]
    # Beyond 64 bits it is no amount of this API's, and a float's short form is what a JSON parser can read.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


@schemathesis.hook
def map_body(context, body):
    return integers(body)


@schemathesis.hook
def map_query(context, query):
    return integers(query)


@schemathesis.hook
def before_call(context, case, kwargs):
    # An event that is not there yet is waited for, and then the answer is 503 by contract.
    asked = str((case.query or {}).get("min_seq", ""))
    if asked.isascii() and asked.isdigit() and int(asked) < 2**63:
        case.query["min_seq"] = 0
    look_back_in_one_way(case.query or {})
    plain_id(case.path_parameters)


def look_back_in_one_way(query):
    """A balance of the past is asked for by one of three parameters, which a description cannot say, and never of
    what is still to come, which it cannot say either."""
    for name in [name for name in ("period", "as_of_seq", "as_of") if name in query][1:]:
        del query[name]
    if str(query.get("as_of_seq", "")).isdecimal():
        query["as_of_seq"] = 1
    if INSTANT.fullmatch(str(query.get("as_of", ""))):
        query["as_of"] = "2020-01-01T00:00:00Z"


def plain_id(path_parameters):
    """The stateful phase draws hold ids past their pattern, which leaves control characters out."""
    if isinstance(path_parameters, dict) and isinstance(path_parameters.get("id"), str):
        plain = "".join(c for c in path_parameters["id"] if not (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0))
        path_parameters["id"] = plain or "x"


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    plain_id(path_parameters)
    return path_parameters


# A table is a text to the description; by itself schemathesis writes none under this media type.
schemathesis.serializer.alias("text/csv", "text/plain")
