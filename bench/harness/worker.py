"""The process in which one side is measured: `python -m bench.harness.worker JOB`, JOB being JSON.

Writes one JSON line per case to the file that the job names, so that nothing an application prints
can disturb the results.
"""

import base64
import json
import os
import sys
import traceback
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bench.cases import find
from bench.harness.asgi import Reply
from bench.harness.callgrind import Counter
from bench.harness.case import Case, Effort
from bench.harness.framework import Framework

Mode = Literal["check", "measure", "count"]


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker does. `times`: requests of the single count in mode "count"."""

    module: str
    loop: str
    mode: Mode
    cases: list[str]
    core: int
    seconds: float
    samples: int
    out: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of one case: a figure, replies, or why neither."""

    case: str
    figure: float | None = None
    replies: list[Reply] | None = None
    error: str | None = None

    def dump(self) -> str:
        replies = self.replies and [
            (reply.status, reply.headers, base64.b64encode(reply.body).decode())
            for reply in self.replies
        ]
        return json.dumps([self.case, self.figure, replies, self.error])

    @classmethod
    def load(cls, line: str) -> "Outcome":
        case, figure, replies, error = json.loads(line)
        made = replies and [
            Reply(status, tuple((name, value) for name, value in headers), base64.b64decode(body))
            for status, headers, body in replies
        ]
        return cls(case, figure, made, error)


def _work(case: Case, framework: Framework, job: Job) -> Outcome:
    if job.mode == "check":
        return Outcome(case.name, replies=case.check(framework))
    if job.mode == "count":
        case.count(framework, Counter(), job.times)
        return Outcome(case.name)
    return Outcome(case.name, figure=case.measure(framework, Effort(job.seconds, job.samples)))


def main(job: Job) -> None:
    os.sched_setaffinity(0, {job.core})
    # The real FastAPI warns of what it will change; a benchmark's terminal is no place for that.
    warnings.simplefilter("ignore")
    framework = Framework(job.module, job.loop)
    with Path(job.out).open("w", buffering=1) as out:
        for name in job.cases:
            try:
                outcome = _work(find(name), framework, job)
            except Exception as error:
                reason = "".join(traceback.format_exception(error, limit=-3))
                outcome = replace(Outcome(name), error=reason)
            out.write(outcome.dump() + "\n")


def parse(text: str) -> Job:
    values: dict[str, Any] = json.loads(text)
    return Job(**values)


if __name__ == "__main__":
    main(parse(sys.argv[1]))
