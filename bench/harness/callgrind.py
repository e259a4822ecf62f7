"""Counting instructions exactly, from inside a process that runs under `valgrind --tool=callgrind`.

Callgrind instruments from the first instruction unless told otherwise, which makes importing a web
framework take half a minute. A process can talk to Valgrind: a short sequence of instructions that
does nothing on a real processor is a *client request* under Valgrind (valgrind.h, section "client
request"). With it a worker starts un-instrumented, and switches counting on around the loop only.

The requests are written as machine code, because a C compiler is more to ask of a reader's machine
than Valgrind is. x86-64 Linux only.
"""

import ctypes
import mmap
import platform
import re
import shutil
from collections.abc import Callable
from pathlib import Path

_CODE = bytes.fromhex(
    "4889f8"  # mov rax, rdi     the request and its arguments
    "31d2"  # xor edx, edx       the answer outside Valgrind: 0
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi by 128 bits in all: Valgrind's mark
    "4887db"  # xchg rbx, rbx    "client request"
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)

_BASE = (ord("C") << 24) | (ord("T") << 16)
_ZERO, _DUMP_AT, _START, _STOP = _BASE + 1, _BASE + 3, _BASE + 4, _BASE + 5

COMMAND = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet")


def available() -> str | None:
    """None when instructions can be counted here, otherwise the reason why not."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return "counting instructions needs x86-64 Linux"
    if shutil.which("valgrind") is None:
        return "counting instructions needs valgrind (Debian: apt-get install valgrind)"
    return None


class Counter:
    """Switches Callgrind's counting on and off. Does nothing in a process outside Valgrind."""

    def __init__(self) -> None:
        self._page = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._page.write(_CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._page))
        self._call = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(address)

    def _request(self, code: int, argument: int = 0) -> None:
        arguments = (ctypes.c_ulong * 6)(code, argument)
        self._call(ctypes.addressof(arguments))

    def count(self, work: Callable[[], object], label: str) -> None:
        """Runs `work` counted, and writes its total into Callgrind's next dump, named `label`."""
        text = ctypes.create_string_buffer(label.encode())
        self._request(_START)
        self._request(_ZERO)
        work()
        self._request(_DUMP_AT, ctypes.addressof(text))
        self._request(_STOP)


_TRIGGER = re.compile(r"^desc: Trigger: Client Request: (\S+) (\d+)$", re.MULTILINE)
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


def read_dumps(folder: Path, stem: str) -> dict[str, float]:
    """Name to instructions per run, from the dumps that `Counter.count` caused.

    Labels are `NAME TIMES`, two per name: the difference between them leaves out what does not
    depend on how often the work ran.
    """
    totals: dict[str, dict[int, int]] = {}
    for path in folder.glob(stem + "*"):
        text = path.read_text()
        trigger, total = _TRIGGER.search(text), _TOTALS.search(text)
        if trigger and total:
            totals.setdefault(trigger[1], {})[int(trigger[2])] = int(total[1])
    return {
        name: (counts[max(counts)] - counts[min(counts)]) / (max(counts) - min(counts))
        for name, counts in totals.items()
        if len(counts) == 2
    }
