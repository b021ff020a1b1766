"""What the fuzzer must not send, and why."""

import schemathesis


def integers(value):
    """The same JSON value with `4205.0` written as `4205`.

    To JSON Schema the two are one integer. This API takes the plain form only: units and money are 64-bit, and a
    number with a fraction part has already been through a float somewhere, where 2**53 + 1 is lost without a trace.
    """
    if isinstance(value, dict):
        return {key: integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [integers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@schemathesis.hook
def map_body(context, body):
    return integers(body)


@schemathesis.hook
def map_query(context, query):
    return integers(query)
