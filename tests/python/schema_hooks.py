"""What schemathesis sends, but for deadlines: one of a millisecond is over before its answer, and 504 is right then."""
import schemathesis

LONG = 60_000


def lengthen(fields):
    if not isinstance(fields, dict):
        return
    for name, value in fields.items():
        if name == "parameters":
            lengthen(value)
        elif name == "deadline_ms":
            try:
                short = 0 < float(value) < LONG
            except (TypeError, ValueError):
                continue  # to be refused
            if short:
                fields[name] = LONG


@schemathesis.hook
def before_call(context, case, kwargs):  # noqa: ARG001
    lengthen(case.body)
    lengthen(case.query)
