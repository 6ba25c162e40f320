"""How precisely a pcap port keeps to the times of its file, on a CPU whose instructions are the clock.

With `-icount shift=0` each instruction takes a nanosecond, and a halt ends when its timer does, so that what is
measured is the appliance and not the machine that the test runs on.
"""
import struct
import time

import pytest

from guest_memory import Memory, frames_of_pcapng
from qemu import COMMAND_LIMIT, Appliance, accelerator
from test_capture import archive

COUNT = 200
GAP_US = 1370       # between frames, as recorded


def recorded():
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for number in range(COUNT):
        out += struct.pack("<IIII", 0, number * GAP_US, 60, 60) + bytes(56) + struct.pack("!I", number)
    return out


@pytest.mark.parametrize("rate,gap", [("1000", 1000), ("100", 10000), ("original", GAP_US)])
def test_frames_leave_within_microseconds_of_their_time(tmp_path, rate, gap):
    """Whoever polls the port rests in between, and is awake in time; nobody is at the console meanwhile."""
    if accelerator() != "tcg":
        pytest.skip("only QEMU's TCG counts instructions")
    path = archive(str(tmp_path), recorded=recorded())
    with Appliance(nics=(), memory=64, extra=["-initrd", path, "-icount", "shift=0,sleep=off"]) as m:
        memory = Memory(m, str(tmp_path))
        m.must("forward io")
        m.must("port add null number 1")
        m.must("capture start 1 limit 100000")
        m.must("port add pcap rx recorded rate %s number 0" % rate)
        end, times = time.monotonic() + COMMAND_LIMIT, []
        while len(times) < COUNT:
            assert time.monotonic() < end, len(times)
            time.sleep(0.1)
            times = [when for when, _ in frames_of_pcapng(memory.bytes_of("capture.pcapng"))]
        late = sorted(when - times[0] - number * gap for number, when in enumerate(times))
        # The first one waits for whoever finds the port; a command was still printing then.
        assert late[-1] - late[0] <= 50 and late[COUNT * 9 // 10] - late[0] <= 3, late
