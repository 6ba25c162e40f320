"""The real image in QEMU: boots it, types at its console, plugs frames into its ports.

Every wait has a limit, every machine is killed at the end, and a machine that
was not killed on purpose must leave with `poweroff` and exit status 0.
"""
import collections
import contextlib
import fcntl
import functools
import json
import os
import queue
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

import pytest

import boots

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(ROOT, "build")
IMAGE = os.path.join(BUILD, "millrace.elf")
ATTACK = os.path.join(BUILD, "attack.elf")
TRAFFIC = os.path.join(BUILD, "traffic")
QEMU = "qemu-system-x86_64"

# Limits against hanging, not expectations: the machine may be slow and shared.
# A UEFI boot takes 20 s on an idle machine, and took more than 240 beside twenty busy processes.
BOOT_LIMIT = 900
COMMAND_LIMIT = 600
FRAME_LIMIT = 120
QUIET = 0.3         # a wire that was silent for so long is empty; no verdict here rests on it: Wire.before()

PROMPT = "millrace> "
READY = re.compile(r"^ready: (\d+) ports, (?:forwarding (\w+)|(stopped)), (\d+) us$", re.M)
LINK_UP = re.compile(r"^(?:%s)*port \d+: link up" % PROMPT, re.M)
# What a terminal acts on instead of showing (ECMA-48 5.4), and carriage returns.
CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\r")
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?\Z")

# What each kind of NIC is to QEMU: its device, after those it sits on ("|" between them).  {n} is
# the port's number, {m} the next.  Ports are numbered by BDF: what sits on a bridge comes last.
NICS = {
    "virtio": "virtio-net-pci",
    "virtio-modern": "virtio-net-pci,disable-legacy=on,disable-modern=off",
    "virtio-legacy": "virtio-net-pci,disable-legacy=off,disable-modern=on",
    "e1000": "e1000",
    "e1000-82545em": "e1000-82545em",
    "e1000e": "e1000e",
    "igb": "pcie-root-port,id=rp{n},chassis={m}|igb,bus=rp{n}",
    "vmxnet3": "vmxnet3",
}
FILTERS_VLANS = ("vmxnet3", "e1000", "e1000-82545em", "e1000e")     # Appliance.filters_vlans()


def plain(text):
    """Console output without control sequences; and the one that is not all there yet."""
    text = CONTROL.sub("", text)
    cut = UNFINISHED.search(text)
    return (text[:cut.start()], text[cut.start():]) if cut else (text, "")


def accelerator():
    return subprocess.run([os.path.join(ROOT, "tools", "accel")], capture_output=True, text=True,
                          check=True).stdout.strip()


# What QEMUs before 10 need not have, as it stands in a machine's options, and a machine with it.
NEWER = {"x-flts=on": ("-device", "intel-iommu,x-scalable-mode=on,x-flts=on"),
         "eim=on": ("-device", "intel-iommu,intremap=on,eim=on"),
         "+x2apic": ("-cpu", "qemu64,+x2apic,enforce"),
         "in_order=on": ("-device", "virtio-net-pci,in_order=on")}


@functools.lru_cache
def has(newer):
    version = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.search(r"version (\d+)", version).group(1)) >= 10:
        return True
    line = [QEMU, "-M", "q35", "-accel", accelerator(), "-nodefaults", "-display", "none", "-S", "-monitor", "stdio"]
    return not subprocess.run([*line, *NEWER[newer]], input="quit\n", capture_output=True, text=True, check=False).returncode


def port_mac(number):
    return "02:00:00:00:00:%02x" % (number + 1)


class Wire:
    """The far end of one port's wire; frames are bytes without FCS."""

    def __init__(self, folder, number):
        self.number = number
        self.local = os.path.join(folder, "%d.wire" % number)
        self.remote = os.path.join(folder, "%d.port" % number)
        self.socket = None
        self.frames = queue.Queue()

    def options(self, device, boot):
        netdev = ("dgram,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
                  % (self.remote, self.local))
        device = device.replace("{n}", str(self.number)).replace("{m}", str(self.number + 1))
        *below, nic = device.split("|")
        nic = boot.device(self.number, nic)
        options = boot.netdev(self.number, netdev)
        for bridge in below:
            options += ["-device", bridge]
        return options + ["-device", "%s,netdev=net%d,mac=%s" % (nic, self.number, port_mac(self.number))]

    def plug(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.local)
        self.socket.settimeout(FRAME_LIMIT)
        threading.Thread(target=self._collect, args=(self.socket,), daemon=True).start()

    def unplug(self):
        if self.socket:
            sock, self.socket = self.socket, None
            try:
                sock.shutdown(socket.SHUT_RDWR)     # wakes the reader
            except OSError:
                pass
            sock.close()
            if self.local:
                os.unlink(self.local)

    def _collect(self, sock):
        """Takes frames off the wire at once: a wire holds about ten."""
        while self.socket is sock:
            try:
                frame = sock.recv(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            if frame:
                self.frames.put(frame)

    def send(self, *frames):
        for frame in frames:
            self.socket.sendto(bytes(frame), self.remote)

    def taken(self):
        """Waits until QEMU has read everything that was sent here."""
        end = time.monotonic() + FRAME_LIMIT
        while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
            assert time.monotonic() < end, "port %d: QEMU reads nothing" % self.number

    def receive(self, timeout=FRAME_LIMIT):
        """The next frame as bytes, None when none comes."""
        try:
            return self.frames.get(timeout=timeout)
        except queue.Empty:
            return None

    def expect(self, wanted, timeout=FRAME_LIMIT):
        """The first frame for which wanted(frame) holds; what comes before it is dropped."""
        end = time.monotonic() + timeout
        seen = []
        while time.monotonic() < end:
            frame = self.receive(max(0.0, end - time.monotonic()))
            if frame is not None:
                if wanted(frame):
                    return frame
                seen.append(frame.hex())
        raise AssertionError("port %d: the frame did not come; others: %s" % (self.number, seen))

    def before(self, marker, timeout=FRAME_LIMIT):
        """What came before the marker, which must come: bytes, or a filter as for expect().  What is not
        among it did not come, however slow the machine is."""
        wanted = marker if callable(marker) else lambda frame: frame == marker
        end = time.monotonic() + timeout
        frames = []
        while (frame := self.receive(max(0.0, end - time.monotonic()))) is not None:
            if wanted(frame):
                return frames
            frames.append(frame)
        raise AssertionError("port %d: the marker did not come; others: %s"
                             % (self.number, [frame.hex() for frame in frames]))

    def drain(self, quiet=QUIET):
        """Everything until nothing comes for `quiet` seconds."""
        frames = []
        while (frame := self.receive(quiet)) is not None:
            frames.append(frame)
        return frames


class Appliance:
    """One machine.  Use as a context: starts, waits for `ready:`, powers off.

    nics: names from NICS or QEMU device strings.  config: text of the
    configuration file.  append: kernel command line.  boot: a name of boots.KINDS.
    before, extra: QEMU options in front of ours and behind them.
    plugged: whether the wires end here or are left to build/traffic.
    tell: whether the end prints what the console said (pytest shows it on failure).
    console: QEMU options of the device that our end of the console is at.
    wait_links: whether an igb's link, which takes half a second to negotiate, is waited for.
    """

    def __init__(self, nics=("virtio", "virtio"), config=None, append="", boot="pvh", machine="q35",
                 memory=None, before=(), extra=(), plugged=True, image=IMAGE, wait_ready=True,
                 tell=True, wait_links=True, console=("-serial", "chardev:console")):
        self.wait_links = wait_links and any("igb" in nic for nic in nics)
        self.nics, self.config, self.append = nics, config, append
        self.boot = boots.KINDS[boot](self)
        self.memory = memory or self.boot.memory
        self.machine, self.before, self.extra = machine, list(before), list(extra)
        self.console = console
        self.plugged, self.image, self.wait_ready, self.tell = plugged, image, wait_ready, tell
        self.folder = tempfile.mkdtemp(prefix="millrace-test.")
        self.wires = [Wire(self.folder, n) for n in range(len(nics))]
        self.process = self.serial = self.started = self.lines = None
        self.transcript = ""        # everything the console ever said
        self.unfinished = ""        # the beginning of a control sequence
        self.seen = 0               # how much of it has been waited for
        self.raw = collections.deque()

    # Starting and stopping

    def _command_line(self):
        accel = accelerator()
        line = [QEMU, "-M", self.machine, "-accel", accel, "-m", str(self.memory), "-nodefaults",
                "-no-user-config", "-display", "none", "-monitor", "none", *self.before,
                "-qmp", "unix:%s/monitor,server=on,wait=off" % self.folder,
                "-chardev", "socket,id=console,path=%s/console,server=on,wait=on" % self.folder,
                *self.console]
        if accel == "kvm":
            line += ["-cpu", "host"]
        for wire, nic in zip(self.wires, self.nics):
            line += wire.options(NICS.get(nic, nic), self.boot)
        return line + self.boot.options() + self.extra

    def start(self):
        for newer in NEWER:
            if any(newer in option for option in [*self.nics, *self.before, *self.extra]) and not has(newer):
                pytest.skip("this QEMU has no " + newer)
        if self.plugged:
            for wire in self.wires:
                wire.plug()
        self.errors = open(os.path.join(self.folder, "qemu.log"), "wb+")
        self.boot.start()
        self.started = time.monotonic()
        self.process = subprocess.Popen(self._command_line(), stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors)
        self.serial = self.connect(os.path.join(self.folder, "console"))
        if self.wait_ready:
            self.ready()

    def connect(self, path):
        """A socket to one of QEMU's consoles, which it opens one after the other."""
        end = time.monotonic() + BOOT_LIMIT
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(BOOT_LIMIT)
            try:
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError("QEMU did not start: %s" % self.qemu_log()) from None
                time.sleep(0.005)

    def qemu_log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def ready(self, limit=BOOT_LIMIT):
        """Waits for the ready line, so many seconds, and the prompt; the match of READY."""
        self.read_until(r"^ready: [^\n]*\n", limit)
        self.ready_after = time.monotonic() - self.started
        match = READY.search(self.transcript)
        assert match, "not as the contract says: " + self.transcript[-200:]
        self.read_until(re.escape(PROMPT) + r"\Z")
        end = time.monotonic() + BOOT_LIMIT
        while self.wait_links and len(LINK_UP.findall(self.transcript)) < len(self.nics):
            assert time.monotonic() < end and self._read_some(1.0) is not None, self.transcript
            self.seen = len(self.transcript)
        return match

    def wait_exit(self, timeout=COMMAND_LIMIT):
        """QEMU's exit status; what it still said is in the transcript."""
        end = time.monotonic() + timeout
        while self._read_some(max(0.0, end - time.monotonic())) is not None:
            if time.monotonic() >= end:
                raise AssertionError("still running: ..." + self.transcript[-500:])
        return self.process.wait(timeout=max(1.0, end - time.monotonic()))

    def poweroff(self):
        self.type("poweroff\n")
        status = self.wait_exit()
        assert status == 0, "QEMU exited with %d: %s" % (status, self.qemu_log())

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for wire in self.wires:
            wire.unplug()
        self.boot.stop()
        if self.serial:
            self.serial.close()
        if self.lines:
            self.lines.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            print(self.transcript)
            self.kill()
            raise
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.process.poll() is None:
                self.poweroff()
        finally:
            if self.tell:
                print(self.transcript[-20000:])
            self.kill()

    # Console

    def type(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.serial.settimeout(COMMAND_LIMIT)
        self.serial.sendall(data)

    def _read_some(self, timeout):
        """Adds what the console says within `timeout`; None when it is closed."""
        self.serial.settimeout(max(timeout, 0.001))
        try:
            data = self.serial.recv(65536)
        except socket.timeout:
            return ""
        except ConnectionError:
            return None
        if not data:
            return None
        text, self.unfinished = plain(self.unfinished + data.decode(errors="replace"))
        self.transcript += text
        return text

    def read_some(self):
        self._read_some(0.001)

    def read_until(self, pattern, timeout=COMMAND_LIMIT):
        """Reads on until the pattern is found in what was not yet waited for; the match."""
        compiled = re.compile(pattern, re.M | re.S)
        end = time.monotonic() + timeout
        while True:
            match = compiled.search(self.transcript[self.seen:])
            if match:
                self.seen += match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or self._read_some(left) is None:
                raise AssertionError("no %r on the console (%s): ...%s" % (
                    pattern, "closed" if left > 0 else "in time", self.transcript[-1000:]))

    def command(self, line, timeout=COMMAND_LIMIT):
        """Types one command at the prompt; what it printed."""
        self.type(line + "\n")
        match = self.read_until(r"%s\n(.*?)%s\Z" % (re.escape(line), re.escape(PROMPT)), timeout)
        return match.group(1)

    def must(self, line):
        """A command that has nothing to complain about."""
        output = self.command(line)
        assert "error:" not in output, output
        return output

    def stats(self):
        """A log line may come before or behind the object."""
        return json.loads(re.search(r"^\{.*\}$", self.must("show stats json"), re.M).group(0))

    def until(self, holds):
        """The statistics, once holds(them), in whatever time the machine takes for it."""
        end = time.monotonic() + COMMAND_LIMIT
        while not holds(stats := self.stats()):
            assert time.monotonic() < end, where_frames_went(stats)
        return stats

    def settled(self, received, port=0):
        """The statistics, once the port has received so many and no frame is under way any more."""
        def holds(stats):
            came, went = law(stats)
            return stats["ports"][port]["rx_packets"] >= received and came == went
        return self.until(holds)

    def let_pass(self, microseconds):
        """Time of the appliance's own clock, however slow the machine is."""
        end, limit = self.stats()["uptime_us"] + microseconds, time.monotonic() + COMMAND_LIMIT
        while self.stats()["uptime_us"] < end:
            assert time.monotonic() < limit, "its clock stands still"

    # QEMU's monitor

    def monitor(self, command, **arguments):
        """A command of QMP; what it returns."""
        if not self.lines:
            with self.connect(os.path.join(self.folder, "monitor")) as sock:
                self.lines = sock.makefile("rw")
            self.lines.readline()
            self.monitor("qmp_capabilities")
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while "return" not in (answer := json.loads(self.lines.readline())):
            assert "error" not in answer, answer
        return answer["return"]

    def human_monitor(self, line):
        return self.monitor("human-monitor-command", **{"command-line": line})

    def filters_vlans(self, port=0):
        """Not promiscuous, such a device drops itself what is of no VLAN that is wanted, and counts it nowhere.
        An igb without VFs hears all tags.  virtio's table begins full in QEMU 10.0.2 and empty in 10.0.13: it tells."""
        if not self.nics[port].startswith("virtio"):
            return self.nics[port] in FILTERS_VLANS
        return any(len(state["vlan-table"]) < 4096 for state in self.monitor("query-rx-filter")
                   if state["main-mac"] == port_mac(port) and state["vlan"] == "normal")

    # Traffic

    def _traffic(self, what, *options):
        assert not self.plugged
        return subprocess.Popen([TRAFFIC, what, "--a", "%s,%s" % (self.wires[0].local, self.wires[0].remote),
                                 "--b", "%s,%s" % (self.wires[1].local, self.wires[1].remote), *options],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def traffic(self, what, *options, timeout=1500):
        """Runs build/traffic on ports 0 and 1; (status, its figures)."""
        return self._figures(self._traffic(what, *options), timeout)

    @staticmethod
    def _figures(run, timeout):
        try:
            output, errors = run.communicate(timeout=timeout)
        finally:
            run.kill()
        assert run.returncode in (0, 1), errors
        return run.returncode, json.loads(output)

    @contextlib.contextmanager
    def stream(self, *options):
        """A blast on ports 0 and 1 as long as the context lasts, at a fixed rate whatever comes back; what
        it yields has status and figures in it afterwards."""
        run, result = self._traffic("blast", "--frames", "100000000", "--window", "1000000", *options), {}
        try:
            yield result
            run.send_signal(signal.SIGINT)
            result["status"], result["figures"] = self._figures(run, COMMAND_LIMIT)
        finally:
            run.kill()


def where_frames_went(stats):
    """A line a port: what came, what went, and every drop by its reason."""
    lines = []
    for port in stats["ports"]:
        words = ["%s %d" % (name, port[name]) for name in FIGURES if port.get(name)]
        words += ["dropped as %s %d" % reason for reason in port["drops"].items() if reason[1]]
        lines.append("port %d (%s): %s" % (port["port"], port["driver"], ", ".join(words) or "nothing"))
    return "\n".join(lines + ["held: %d" % stats["held"]])


FIGURES = ("rx_packets", "originated", "copied", "tx_packets", "consumed", "rx_errors", "rx_missed", "tx_errors")


def law(stats):
    """How many frames came, and how many went."""
    def total(*names):
        return sum(port[name] for port in stats["ports"] for name in names)
    return (total("rx_packets", "originated", "copied"),
            total("tx_packets", "consumed", "rx_dropped", "tx_dropped") + stats["held"])


def check_law(stats):
    """apps/forward/stats.h and contract.md: a port's drops are its dropped counters, and over all ports
    rx + originated + copied == tx + consumed + drops + held."""
    for port in stats["ports"]:
        assert port["rx_dropped"] + port["tx_dropped"] == sum(port["drops"].values()), port
    came, went = law(stats)
    assert came == went, "%d came and %d went:\n%s" % (came, went, where_frames_went(stats))
