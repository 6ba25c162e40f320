"""The same image in Bochs, an emulator that has nothing in common with QEMU but the machine it shows:
its CPU faults where QEMU's lets things pass, and its devices complain in a log, which must be clean.

Its console comes by TCP, frames by UDP, both on this machine alone: from a wire's port to the next number.
Its clock never runs ahead of ours, so that nothing the image waits for is over before we could answer."""
import os
import platform
import pty
import re
import socket
import subprocess
import threading
import time

import qemu

BIOS = "/usr/share/bochs/BIOS-bochs-latest"
SEABIOS = "/usr/share/seabios/bios.bin"
VGA_BIOS = "/usr/share/vgabios/vgabios.bin"
POWERED_OFF = "ACPI control: soft power off"    # which Bochs calls a panic of its own
PORT_TAKEN = "could not bind to socket"
TRIES = 10

CONFIGURATION = """\
config_interface: textconfig
display_library: term
romimage: file={bios}, options=fastboot
vgaromimage: file={vga_bios}
memory: guest={memory}, host={memory}
cpu: model={cpu}, ips=50000000, reset_on_triple_fault=0
clock: sync=slowdown
pci: enabled=1, chipset=i440fx
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
speaker: enabled=0
com1: enabled=1, mode=socket-client, dev=127.0.0.1:{console}
log: {folder}/bochs.log
debugger_log: -
panic: action=fatal
"""
CARD = "e1000: card=%d, enabled=1, mac=%s, ethmod=socket, ethdev=%d\n"


def bios():
    """Ubuntu 24.04's build of Bochs's BIOS ends in a triple fault of its own."""
    return SEABIOS if "ubuntu" in platform.freedesktop_os_release()["ID"] else BIOS


class Wire(qemu.Wire):
    """Bochs hands the card broadcasts and what is for its own address, nothing else."""

    def plug(self):
        """Finds two free ports in a row; somebody may take Bochs's before it does."""
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
                theirs.bind(("127.0.0.1", 0))
                port = theirs.getsockname()[1]
                ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                try:
                    ours.bind(("127.0.0.1", port + 1))
                except (OSError, OverflowError):
                    ours.close()
                    continue
            break
        self.local, self.remote, self.socket = None, ("127.0.0.1", port), ours
        self.socket.settimeout(qemu.FRAME_LIMIT)
        threading.Thread(target=self._collect, args=(self.socket,), daemon=True).start()


class Appliance(qemu.Appliance):
    """A qemu.Appliance with one or two e1000 ports, from the ISO."""

    def __init__(self, cpu, ports=2, **more):
        super().__init__(nics=["e1000"] * ports, boot="iso", **more)
        self.cpu = cpu
        self.wires = [Wire(self.folder, n) for n in range(ports)]
        self.listener = self.terminal = None

    def _command_line(self):
        text = CONFIGURATION.format(bios=bios(), vga_bios=VGA_BIOS, memory=self.memory, cpu=self.cpu, folder=self.folder,
                                    iso=self.boot.iso(), console=self.listener.getsockname()[1])
        for wire in self.wires:
            text += CARD % (wire.number, qemu.port_mac(wire.number), wire.remote[1])
        line = ["bochs", "-q", "-f", self.boot.write("bochsrc", text)]
        # Where it is built with a debugger, that waits to be told to go on.
        features = subprocess.run(["bochs", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  errors="replace", check=False)
        if "-rc " in features.stdout + features.stderr:
            line += ["-rc", self.boot.write("debugger", "c\n")]
        return line

    def start(self):
        for attempt in range(TRIES):
            try:
                self._start_once()
                break
            except AssertionError:
                if attempt == TRIES - 1 or PORT_TAKEN not in self.log():
                    raise
                for wire in self.wires:
                    wire.unplug()
        if self.wait_ready:
            self.ready()

    def _start_once(self):
        for wire in self.wires:
            wire.plug()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.terminal, screen = pty.openpty()
        threading.Thread(target=self._swallow, args=(self.terminal,), daemon=True).start()
        self.started = time.monotonic()
        self.process = subprocess.Popen(self._command_line(), stdin=screen, stdout=screen, stderr=screen,
                                        env={**os.environ, "TERM": "vt100"})
        os.close(screen)
        while self.serial is None:
            try:
                self.serial = self.listener.accept()[0]
            except socket.timeout:
                assert self.process.poll() is None and time.monotonic() < self.started + qemu.BOOT_LIMIT, \
                    "Bochs did not start: " + self.log()
        self.listener.close()

    @staticmethod
    def _swallow(terminal):
        """What the screen shows, and Bochs's own chat: nobody needs it, but it must go somewhere."""
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass

    def log(self):
        try:
            with open(os.path.join(self.folder, "bochs.log"), errors="replace", encoding="ascii") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def complaints(self):
        """What Bochs found wrong: its errors and panics, but for the one that ends the machine."""
        return [line for line in re.findall(r"^\d+[ep]\[.*$", self.log(), re.M) if POWERED_OFF not in line]

    def poweroff(self):
        self.type("poweroff\n")
        self.wait_exit()
        assert POWERED_OFF in self.log(), self.log()[-2000:]
        assert self.complaints() == []

    def kill(self):
        super().kill()
        if self.listener:
            self.listener.close()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
