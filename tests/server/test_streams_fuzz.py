"""Frames in any order, whole or broken, to the protocol of HTTP/2."""

from __future__ import annotations

import logging
import random

import pytest

from tests.server.http2_clients import (
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    RST_STREAM,
    SETTINGS,
    WHOLE,
    WINDOW_UPDATE,
    Frame,
    block,
)
from tests.server.inprocess import app_of, hosted
from trivium.server.frames import PREFACE
from trivium.server.streams import BoundedHttp2Protocol

pytestmark = pytest.mark.slow


PATHS = ["/a", "/slow", "/unread", "/stream", "/a", "*", b"/\xff"]
INCREMENTS = [b"\0\0\0\1", b"\0\1\0\0", bytes(4), b"\x7f\xff\xff\xff"]
SETTINGS_OF_A_CLIENT = [b"", b"\0\4\0\0\0\0", b"\0\4\0\1\0\0", b"\0\4\xff\xff\xff\xff"]


def any_frame(source: random.Random, opened: int) -> Frame:
    """A frame for one of the streams that were opened, the first of which is 1."""
    stream = 1 + 2 * source.randrange(max(1, opened))
    match source.randrange(12):
        case 0 | 1 | 2:
            data = source.randbytes(source.randrange(9))
            return Frame(DATA, stream, source.choice([0, 1, 1, PADDED]), data)
        case 3 | 4:
            return Frame(RST_STREAM, stream, 0, bytes(4))
        case 5 | 6:
            increment = source.choices(INCREMENTS, [9, 9, 1, 1])[0]
            return Frame(WINDOW_UPDATE, source.choice([0, stream]), 0, increment)
        case 7 | 8:
            return Frame(SETTINGS, 0, 0, source.choices(SETTINGS_OF_A_CLIENT, [5, 5, 5, 1])[0])
        case 9:
            return Frame(PING, 0, 0, bytes(8))
        case 10:
            return Frame(GOAWAY, 0, 0, bytes(8))
        case _:
            return Frame(source.randrange(256), stream, source.randrange(256), source.randbytes(5))


def conversation(source: random.Random) -> list[bytes]:
    """Frames as a client might send them, and some that none would, cut anywhere."""
    frames, opened = [Frame(SETTINGS)], 0
    for _ in range(source.randrange(1, 16)):
        if source.random() < 0.5:
            opened += 1
            flags = source.choice([END_HEADERS, WHOLE, WHOLE])
            head = block(source.choice(PATHS), method=source.choice(["GET", "HEAD", "POST"]))
            frames.append(Frame(HEADERS, 2 * opened - 1, flags, head))
        else:
            frames.append(any_frame(source, opened))
    data = bytearray(PREFACE + b"".join(frame.sent() for frame in frames))
    if source.random() < 0.2:
        data[source.randrange(len(data))] = source.randrange(256)
    cuts = sorted(source.sample(range(len(data)), min(4, len(data))))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


@pytest.mark.parametrize("seed", range(8))
def test_no_frames_make_the_server_fail_or_leave_a_task_behind(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    with hosted(BoundedHttp2Protocol, app_of) as host:
        results = [
            host.run(conversation(random.Random(f"{seed}-{number}"))) for number in range(50)
        ]

    assert any(result.seen for result in results)
    assert not [r for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]
