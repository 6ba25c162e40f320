"""A machine held at a function of the image, its CPU in a loop of one instruction, its devices running.

QEMU delivers no frames to a stopped machine; a CPU that only spins lets every device do what it
would do, and writes nothing itself: what then changes in memory, a device wrote.
"""
import os
import select
import subprocess
import time

import qemu

SPIN = b"\xeb\xfe"      # jmp to itself


def address_of(symbol):
    """Where a function of build/millrace.elf lies; the file with the names is linked beside it."""
    names = subprocess.run(["nm", os.path.join(qemu.BUILD, "millrace.debug")], capture_output=True, text=True,
                           check=True).stdout
    return next(int(line.split()[0], 16) for line in names.splitlines() if line.split()[-1] == symbol)


class Debugger:
    """Options for the machine, then what gdb can do to it."""

    def __init__(self, folder):
        self.gdb_path = str(folder / "gdb")
        self.options = ["-gdb", "unix:%s,server=on,wait=off" % self.gdb_path]
        self.memory_path = str(folder / "memory")

    def connect(self, machine):
        """Stops the machine; its console is read from here on, or it would wait for us."""
        self.machine = machine
        self.gdb = machine.connect(self.gdb_path)

    # GDB Remote Serial Protocol

    def _send(self, text):
        data = text.encode()
        self.gdb.sendall(b"$%s#%02x" % (data, sum(data) & 0xff))

    def _byte(self):
        end = time.monotonic() + qemu.BOOT_LIMIT
        while True:
            ready = select.select([self.gdb, self.machine.serial], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, "QEMU's debugger says nothing"
            if self.gdb in ready:
                byte = self.gdb.recv(1)
                assert byte, "QEMU's debugger is gone"
                return byte
            self.machine.read_some()

    def _receive(self):
        packet = b""
        while not (b"#" in packet and len(packet) >= packet.index(b"#") + 3):
            byte = self._byte()
            packet = packet + byte if packet or byte == b"$" else b""
        self.gdb.sendall(b"+")
        return packet[1:packet.index(b"#")].decode()

    def ask(self, text):
        self._send(text)
        return self._receive()

    def run_to(self, symbol):
        """Lets it run until that function begins."""
        at = address_of(symbol)
        with open(os.path.join(qemu.BUILD, "millrace.elf"), "rb") as f:
            f.seek(at - 0x100000 + 0x1000)     # file offsets are linear in addresses, linker.ld
            code = f.read(8).hex()
        while True:
            assert self.ask("Z1,%x,1" % at) == "OK"
            self._send("c")
            assert self._receive().startswith("T05")
            assert self.ask("z1,%x,1" % at) == "OK"
            if self.ask("m%x,8" % at) == code:
                return at
            self.ask("s")       # a boot loader that has its own code there

    def spin(self, at):
        """Runs the instruction there for ever; what was there before."""
        was = self.ask("m%x,2" % at)
        assert self.ask("M%x,2:%s" % (at, SPIN.hex())) == "OK"
        self._send("c")
        return was

    def pause(self):
        self.gdb.sendall(b"\x03")
        assert self._receive().startswith("T")

    def restore(self, at, was):
        assert self.ask("M%x,2:%s" % (at, was)) == "OK"

    def run(self):
        self._send("c")

    def memory(self, size):
        """All of RAM below 3 GiB."""
        self.machine.monitor("pmemsave", val=0, size=size, filename=self.memory_path)
        with open(self.memory_path, "rb") as f:
            return f.read()
