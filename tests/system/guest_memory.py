"""Files of the appliance, read out of the machine's memory by QEMU's monitor: it notices nothing, and a hundred
megabytes take no minutes as over a wire."""
import os
import struct

from debugger import address_of

FILE_ENTRY = 40         # of struct file (kernel/files.h)


class Memory:
    def __init__(self, machine, folder):
        self.machine, self.file = machine, os.path.join(folder, "memory")

    def read(self, address, size):
        """At an address of the image's."""
        self.machine.monitor("memsave", val=address, size=size, filename=self.file)
        with open(self.file, "rb") as f:
            return f.read()

    def bytes_of(self, name):
        """A file's, by the table of kernel/files.c; of one that grows, those that are there."""
        wanted = name.encode() + b"\0"
        for at in range(address_of("file"), address_of("file") + 256 * FILE_ENTRY, FILE_ENTRY):
            name_at, bytes_at, size, _, grows = struct.unpack("<QQQQQ", self.read(at, FILE_ENTRY))
            assert name_at, name
            if self.read(name_at, len(wanted)) == wanted:
                size = struct.unpack("<Q", self.read(grows, 8))[0] if grows else size
                return self.read(bytes_at, size)
        raise AssertionError(name)


def frames_of_pcapng(data):
    """(microseconds, bytes) of enhanced packet blocks (type 6; unread: the pcapng draft)."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            high, low, captured, frame_length = struct.unpack_from("<IIII", data, at + 12)
            assert captured == frame_length
            yield high << 32 | low, data[at + 28:at + 28 + captured]
        at += length
