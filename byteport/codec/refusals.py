"""What a refused request is told: one line of text, `code: what to do`.

Text, and no JSON: an older Temporal UI takes any JSON for payloads, whatever its status is, and the command line shows the line as it is.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from byteport.serving.problems import CodeEnum, Problem


class Refused(CodeEnum):
    """What is refused here beside what every face may refuse (`byteport/serving/problems.py`)."""

    KEY_MISSING = (422, "A payload is encrypted under a key that is not here.")
    NOT_PAYLOADS = (400, "The body is not payloads as Temporal's JSON has them.")
    ORIGIN_REFUSED = (403, "The page is not the one that may read.")
    NEVER_ENCRYPTS = (403, "Nothing is encrypted here.")
    NOT_A_READER = (403, "The person may not read payloads.")
    OTHER_NAMESPACE = (403, "The payloads are of another Temporal namespace.")
    UNDECODABLE = (422, "A payload was changed after it was encrypted.")


def refusal(problem: Problem) -> Response:
    """The answer."""
    text = f"{problem.code.word}: {problem.detail}\n"
    return PlainTextResponse(text, problem.code.status.value, problem.headers())
