"""What operators count of this face, in the text format of Prometheus: on the port in clear, which is loopback alone.

Labels are words of ours: nothing that was sent.
"""

from __future__ import annotations

from collections import Counter

from byteport.alerts.reduction import Outcome

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "byteport_alerts_"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Counts:
    """Of one process; only its event loop counts."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, Outcome]] = Counter()

    def answered(self, method: str, status: int, code: str | None) -> None:
        """A request, and the code by which it was refused."""
        self._requests[method if method in _METHODS else "other", str(status)] += 1
        if code is not None:
            self._refusals[code] += 1

    def reduced(self, source: str, outcomes: Counter[Outcome]) -> None:
        """What became of the alerts of one body."""
        for outcome, count in outcomes.items():
            self._outcomes[source, outcome] += count

    def text(self) -> str:
        return "".join(
            (
                _counter("requests_total", "Requests that were answered, by method and status."),
                *(
                    _line("requests_total", n, method=key[0], status=key[1])
                    for key, n in sorted(self._requests.items())
                ),
                _counter("refusals_total", "Requests that were refused, by the code of the problem."),
                *(_line("refusals_total", n, code=code) for code, n in sorted(self._refusals.items())),
                _counter("alerts_total", "Alerts, by source and by what they came to."),
                *(_line("alerts_total", n, source=key[0], outcome=key[1]) for key, n in sorted(self._outcomes.items())),
            )
        )


def _counter(name: str, says: str) -> str:
    return f"# HELP {PREFIX}{name} {says}\n# TYPE {PREFIX}{name} counter\n"


def _line(name: str, count: int, **labels: str) -> str:
    written = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{PREFIX}{name}{{{written}}} {count}\n"
