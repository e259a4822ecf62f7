"""The frames of a client are followed wherever its bytes are cut."""

from __future__ import annotations

import pytest

from tests.server.http2_clients import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frame,
)
from trivium.server.frames import IDLE, PREFACE, Frames

SIZES = [1, 2, 5, 9, 10, 1000]


def followed(data: bytes, size: int) -> tuple[Frames, int, int, int]:
    """How many came to their end, the bytes of bodies, and what all of it cost."""
    frames = Frames()
    whole = body = cost = 0
    for start in range(0, len(data), size):
        for piece in frames.feed(data[start : start + size]):
            whole += piece.is_whole
            body += piece.body
            cost += piece.cost
    return frames, whole, body, cost


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("frame", "body", "cost"),
    [
        (Frame(DATA, 1, 0, b"abc"), 3, 0),
        (Frame(DATA, 1, PADDED, b"\x02abc\0\0"), 3, 0),
        (Frame(DATA, 1, PADDED, b"\x05\0\0\0\0\0"), 0, IDLE),
        (Frame(DATA, 1, PADDED, b"\xffab"), 0, IDLE),
        (Frame(DATA, 1, PADDED, b""), 0, IDLE),
        (Frame(DATA, 1), 0, IDLE),
        (Frame(DATA, 1, END_STREAM), 0, 0),
        (Frame(HEADERS, 1, END_HEADERS, b"abc"), 0, 0),
        (Frame(PING, 0, 0, b"12345678"), 0, IDLE),
        (Frame(SETTINGS), 0, IDLE),
        (Frame(RST_STREAM, 1, 0, b"1234"), 0, IDLE),
        (Frame(0xFA, 1, 0, b"what"), 0, IDLE),
        (Frame(WINDOW_UPDATE, 0, 0, b"1234"), 0, 1),
    ],
)
def test_a_frame_brings_a_body_or_costs_something(
    frame: Frame, body: int, cost: int, size: int
) -> None:
    frames, whole, *found = followed(PREFACE + frame.sent() * 3, size)

    assert not frames.is_unfinished
    assert (whole, found) == (4, [body * 3, cost * 3])


@pytest.mark.parametrize("size", SIZES)
def test_a_block_of_headers_ends_with_its_last_frame(size: int) -> None:
    begun = PREFACE + Frame(HEADERS, 1, 0, b"abc").sent() + Frame(CONTINUATION, 1, 0, b"").sent()

    frames, whole, _, _ = followed(begun, size)
    assert (frames.is_unfinished, whole) == (True, 1)

    frames, whole, _, _ = followed(begun + Frame(CONTINUATION, 1, END_HEADERS, b"d").sent(), size)
    assert (frames.is_unfinished, whole) == (False, 2)


def test_nothing_is_whole_before_its_last_byte() -> None:
    data = PREFACE + Frame(PING, 0, 0, b"12345678").sent()
    frames = Frames()

    for number in range(len(data)):
        if number != len(PREFACE):
            assert frames.is_unfinished
        list(frames.feed(data[number : number + 1]))

    assert not frames.is_unfinished


def test_it_is_known_whose_body_is_on_its_way() -> None:
    frames = Frames()
    data = PREFACE + Frame(DATA, 7, 0, b"abc").sent()

    list(frames.feed(data[:-1]))
    assert frames.body_of == 7

    list(frames.feed(data[-1:]))
    assert frames.body_of is None
