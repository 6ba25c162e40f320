"""A million frames replayed into a capture, which is then the same frame by frame."""
import os
import struct

from guest_memory import Memory, frames_of_pcapng
from qemu import Appliance, check_law
from test_capture import archive

COUNT = 1000000


def frame_of(number):
    """Of 60 to 91 octets, no two the same."""
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x09\x88\xb5" + struct.pack("!I", number) + bytes(42 + number % 32)


def pcap_of_frames():
    out = bytearray(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for number in range(COUNT):
        frame = frame_of(number)
        out += struct.pack("<IIII", number // 1000000, number % 1000000, len(frame), len(frame)) + frame
    return bytes(out)


def test_a_million_frames_compare_equal(tmp_path):
    path = archive(str(tmp_path), million=pcap_of_frames())
    with Appliance(nics=(), memory=768, tell=False, extra=["-initrd", path]) as m:
        os.unlink(path)     # read by now
        m.must("forward io")
        m.must("port add null number 1")
        m.must("capture start 1 limit 200000000")
        m.must("port add pcap rx million number 0")
        m.settled(COUNT)
        assert "%d frames, 0 lost" % COUNT in m.must("capture stop")
        check_law(m.stats())
        data = Memory(m, str(tmp_path)).bytes_of("capture.pcapng")
    numbers = 0
    for _, got in frames_of_pcapng(data):
        assert got == frame_of(numbers)
        numbers += 1
    assert numbers == COUNT
    os.unlink(tmp_path / "memory")
