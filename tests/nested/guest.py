"""A Linux guest that owns an 82576 behind an IOMMU, and appliances as guests of it.

Linux (L1) runs Debian's or Ubuntu's kernel from build/nested, which tools/setup fetched, and
an initramfs made here: busybox, the modules that are needed, and tests/nested/init.
Everything else, QEMU too, it takes from the host's /usr, shared read-only.

Limits are against hanging, not expectations: everything here runs on an emulated machine in
an emulated machine.
"""
import base64
import glob
import json
import lzma
import os
import queue
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))

import qemu  # noqa: E402

NESTED = os.path.join(qemu.BUILD, "nested")
KERNEL = os.path.join(NESTED, "vmlinuz")
INITRAMFS = os.path.join(NESTED, "initramfs")
# In the order of need; what they depend on comes by itself.
MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "igb", "igbvf", "vfio_iommu_type1",
           "vfio_pci", "8021q", "virtio_net", "bridge"]

BOOT_LIMIT = 900
BOOT_TRIES = 3
STEP_LIMIT = 120
SETTLE_LIMIT = 60       # for something that comes by itself, as a link does

# "DMAR: [DMA Read NO_PASID] Request device [01:10.0] fault addr 0x0 [fault reason 0x06] PTE ..."
FAULT = re.compile(r"DMAR: .*\bfault\b")

PF = "0000:01:00.0"
PF_MAC = "02:00:00:00:01:00"
MICROVM = "microvm,pcie=on,acpi=on,pit=on,pic=on,rtc=on"


def vf_bdf(number):
    """82576: first VF offset 80h, stride 2 (PCIe 9.3.3.9, as recorded in tests/data/pci)."""
    routing = (1 << 8) + 0x80 + 2 * number
    return "0000:%02x:%02x.%d" % (routing >> 8, routing >> 3 & 0x1f, routing & 7)


def is_up(netdev):
    """A condition for Linux.until()."""
    return "[ $(cat /sys/class/net/%s/operstate) = up ]" % netdev


# ---- The initramfs -------------------------------------------------------------------

def module_files(folder):
    """Name with underscores -> path of every module of the kernel in folder."""
    files = {}
    for path in glob.glob(os.path.join(folder, "linux", "**", "*.ko*"), recursive=True):
        name = os.path.basename(path).split(".ko")[0].replace("-", "_")
        files[name] = path
    return files


def module_content(path):
    """The module as ELF, whatever it is packed with."""
    if path.endswith(".xz"):
        return lzma.open(path).read()
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    with open(path, "rb") as f:
        return f.read()


def load_order(names, folder=NESTED):
    """(name, content) of modules, each behind what it depends on; what is built in is left out."""
    files, order = module_files(folder), {}

    def visit(name):
        name = name.replace("-", "_")
        if name in order or name not in files:
            return
        content = module_content(files[name])
        for needed in re.search(rb"\0depends=([^\0]*)\0", content).group(1).decode().split(","):
            visit(needed)
        order[name] = content
    for name in names:
        visit(name)
    return order


def archive(entries):
    """A cpio archive in the "newc" format; entries: (path, mode, content)."""
    out = bytearray()
    for number, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def make_initramfs(path=INITRAMFS, modules=MODULES, folder=NESTED):
    with open(os.path.join(os.path.dirname(__file__), "init"), "rb") as f:
        init = f.read()
    with open(os.path.join(folder, "busybox"), "rb") as f:
        busybox = f.read()
    modules = load_order(modules, folder)
    entries = [("bin", 0o040755, b""), ("modules", 0o040755, b""), ("dev", 0o040755, b""),
               ("init", 0o100755, init), ("bin/busybox", 0o100755, busybox),
               ("modules.order", 0o100644, "\n".join(modules).encode() + b"\n")]
    entries += [("modules/%s.ko" % name, 0o100644, content) for name, content in modules.items()]
    new = "%s.%d" % (path, os.getpid())
    with open(new, "wb") as f:
        f.write(archive(entries))
    os.rename(new, path)


# ---- Linux -------------------------------------------------------------------------------

class Stream:
    """One of the guest's ports as a byte stream, read at once into a queue."""

    def __init__(self, path):
        self.path = path
        self.socket = None

    def options(self, name, number):
        return ["-chardev", "socket,id=%s,path=%s,server=on,wait=off" % (name, self.path),
                "-device", "virtserialport,bus=ports.0,nr=%d,chardev=%s,name=%s" % (number, name, name)]

    def connect(self, alive):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end = time.monotonic() + qemu.BOOT_LIMIT
        while True:
            try:
                return self.socket.connect(self.path)
            except OSError:
                if not alive() or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None


class StepFailed(AssertionError):
    pass


class Linux:
    """L1.  Use as a context: boots, answers run(), is killed at the end."""

    def __init__(self, append="", before=(), memory=1536, cpus=1):
        self.append, self.before, self.memory, self.cpus = append, list(before), memory, cpus
        self.folder = tempfile.mkdtemp(prefix="millrace-nested.")
        self.wire = qemu.Wire(self.folder, 0)
        self.steps = Stream(os.path.join(self.folder, "steps"))
        self.consoles = [Stream(os.path.join(self.folder, "console%d" % n)) for n in (0, 1)]
        self.process = self.qmp = None
        self.number = 0
        self.said = ""
        self.guests = []
        self.journal = []       # what was run, and how long it took

    def _command_line(self):
        line = [qemu.QEMU, "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(self.memory),
                "-smp", str(self.cpus), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                *self.before,
                "-serial", "file:" + self._path("linux.log"),
                "-chardev", "socket,id=qmp,path=%s,server=on,wait=off" % self._path("qmp"),
                "-mon", "chardev=qmp,mode=control",
                *self._nics(), "-device", "virtio-serial-pci,id=ports"]
        line += self.steps.options("steps", 1)
        for number, console in enumerate(self.consoles):
            line += console.options("console%d" % number, 2 + number)
        for tag, path in (("usr", "/usr"), ("build", qemu.BUILD)):
            line += ["-fsdev", "local,id=%s,path=%s,security_model=none,readonly=on,multidevs=remap" % (tag, path),
                     "-device", "virtio-9p-pci,fsdev=%s,mount_tag=%s" % (tag, tag)]
        return line + ["-kernel", KERNEL, "-initrd", INITRAMFS,
                       "-append", "console=ttyS0 quiet loglevel=7 panic=-1 no_timer_check intel_iommu=on " + self.append]

    def _nics(self):
        return ["-device", "intel-iommu,intremap=on",
                "-device", "pcie-root-port,id=rp0,chassis=1,slot=1,bus=pcie.0,addr=0x4",
                "-netdev", "dgram,id=net0,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
                % (self.wire.remote, self.wire.local),
                "-device", "igb,id=igb,bus=rp0,netdev=net0,mac=" + PF_MAC]

    def _path(self, name):
        return os.path.join(self.folder, name)

    def prepare(self):
        """What has to be there before its QEMU starts."""
        assert os.path.exists(KERNEL), "no kernel for the nested test: run tools/setup"
        make_initramfs()
        self.wire.plug()

    def start(self):
        self.prepare()
        self.errors = open(self._path("qemu.log"), "wb+")
        self.started = time.monotonic()
        self.process = subprocess.Popen(self._command_line(), stdin=subprocess.DEVNULL,
                                        stdout=self.errors, stderr=self.errors)
        for stream in (self.steps, *self.consoles):
            stream.connect(self.alive)
        self.monitor = Stream(self._path("qmp"))
        self.monitor.connect(self.alive)
        self.qmp = self.monitor.socket.makefile("rw")
        self._answer()
        self.command("qmp_capabilities")
        self._read_step(0, BOOT_LIMIT)

    def alive(self):
        return self.process.poll() is None

    def log(self):
        """What Linux said on its console."""
        with open(self._path("linux.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def story(self):
        """What its QEMU and it said, and what it was told to do."""
        self.errors.seek(0)
        parts = [self.errors.read().decode(errors="replace"), self.log()[-15000:], "---- steps", *self.journal[-40:]]
        for each in self.guests:
            each.hear()
            parts += ["---- appliance on %s" % each.state, each.transcript[-15000:]]
        return "\n".join(parts)

    def kill(self):
        if self.process and self.alive():
            self.process.kill()
            self.process.wait()
        self.wire.unplug()
        for stream in (self.steps, *self.consoles):
            stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        """QEMU 10.0 now and then aborts in an assertion of its own (iotlb_to_section) while
        Linux boots; then, and only then, it is started again."""
        for left in reversed(range(BOOT_TRIES)):
            try:
                self.start()
                break
            except BaseException:
                print(self.story())
                aborted = self.process and not self.alive() and self.process.returncode < 0
                self.kill()
                if not aborted or not left:
                    raise
                os.mkdir(self.folder)
        return self

    def __exit__(self, kind, value, trace):
        self.kill()

    # The machine it runs on

    def _answer(self):
        while True:
            line = self.qmp.readline()
            assert line, "the monitor is gone"
            answer = json.loads(line)
            if "event" not in answer:
                return answer

    def command(self, execute, **arguments):
        """A command of QMP; what it returns."""
        self.monitor.socket.settimeout(qemu.COMMAND_LIMIT)
        self.qmp.write(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
        self.qmp.flush()
        answer = self._answer()
        assert "return" in answer, answer
        return answer["return"]

    def plug(self, up):
        """The cable of the 82576 is put in, or pulled."""
        self.command("set_link", name="net0", up=up)

    def register(self, offset):
        """A register of the 82576's PF, read from outside."""
        bar = int(self.run("head -n 1 /sys/bus/pci/devices/%s/resource" % PF).split()[0], 16)
        text = self.command("human-monitor-command", **{"command-line": "xp /1wx 0x%x" % (bar + offset)})
        return int(text.split(":")[1], 16)

    # Steps inside it

    def _read_step(self, number, limit):
        end = time.monotonic() + limit
        pattern = re.compile(r"^=== %d (\d+)\n" % number, re.M)
        while True:
            match = pattern.search(self.said)
            if match:
                answer, self.said = self.said[:match.start()], self.said[match.end():]
                return int(match.group(1)), answer
            left = end - time.monotonic()
            assert left > 0 and self.alive(), "Linux does not answer: %r" % self.said[-500:]
            self.steps.socket.settimeout(max(left, 0.001))
            try:
                self.said += self.steps.socket.recv(65536).decode(errors="replace")
            except socket.timeout:
                pass

    def run(self, script, limit=STEP_LIMIT, check=True):
        """Runs a shell script in Linux; what it printed.  check: its status must be 0."""
        self.number += 1
        since = time.monotonic()
        line = "%d %d %s\n" % (self.number, limit, base64.b64encode(script.encode()).decode())
        self.steps.socket.settimeout(qemu.COMMAND_LIMIT)
        self.steps.socket.sendall(line.encode())
        status, answer = self._read_step(self.number, limit + qemu.COMMAND_LIMIT)
        self.journal.append("%6.1f s %5.1f s  %s\n%s" % (since - self.started, time.monotonic() - since,
                                                       script.strip(), answer.rstrip()))
        if check and status != 0:
            raise StepFailed("%s\nstatus %d: %s" % (script, status, answer))
        return answer.strip()

    def until(self, condition, limit=SETTLE_LIMIT):
        """Waits until a shell condition holds in Linux."""
        self.run("until %s; do sleep 0.2; done" % condition, limit)

    def faults(self):
        """Lines about DMA that the IOMMU refused."""
        return [line for line in self.run("dmesg").splitlines() if FAULT.search(line)]

    # The 82576

    def ip(self, words, check=True):
        """iproute2's ip; the shell's own knows nothing of VFs."""
        return self.run("%s %s" % (os.path.realpath(shutil.which("ip")), words), check=check)

    def ethtool_restart(self):
        """What `ethtool -r` does, without ethtool: ETHTOOL_NWAY_RST (linux/ethtool.h)."""
        self.run("""/usr/bin/python3 -c '
import ctypes, fcntl, socket, struct
command = ctypes.create_string_buffer(struct.pack("I", 9))
request = struct.pack("16sQ16x", b"%s", ctypes.addressof(command))
fcntl.ioctl(socket.socket(), 0x8946, request)
'""" % self.netdev())

    def netdev(self, bdf=PF):
        self.until("[ -d /sys/bus/pci/devices/%s/net ]" % bdf)
        return self.run("ls /sys/bus/pci/devices/%s/net" % bdf)

    def give(self, number, driver="vfio-pci"):
        """Binds a VF to a driver."""
        bdf = vf_bdf(number)
        self.run("""cd /sys/bus/pci/devices/{0}
                    [ ! -e driver ] || echo {0} >driver/unbind
                    echo {1} >driver_override
                    echo {0} >/sys/bus/pci/drivers_probe
                    [ "$(basename $(readlink driver))" = {1} ]""".format(bdf, driver))


# ---- Appliances inside it ----------------------------------------------------------------

class Guest(qemu.Appliance):
    """L2: an appliance in Linux's QEMU, with VFs by vfio-pci as its only ports.

    firmware: QEMU's own choice when None.  console: which of Linux's two it has, and its name there.
    """

    def __init__(self, linux, vfs, config=None, append="", machine=MICROVM, firmware="qboot.rom", console=0,
                 memory=64):
        super().__init__(nics=(), config=config, append=append, machine=machine, memory=memory)
        self.linux, self.vfs, self.firmware, self.console = linux, vfs, firmware, console
        self.state = "/run/guest%d" % console

    def _write(self, name, content):
        """In Linux, not here."""
        path = "%s.%s" % (self.state, name)
        data = base64.b64encode(content.encode()).decode()
        self.linux.run("echo %s | base64 -d >%s" % (data, path))
        return path

    def _command_line(self):
        line = [qemu.QEMU, "-M", self.machine, "-accel", "tcg", "-m", str(self.memory), "-nodefaults",
                "-no-user-config", "-display", "none", "-monitor", "none", "-serial", "stdio"]
        if self.firmware:
            line += ["-bios", self.firmware]
        for number in self.vfs:
            line += ["-device", "vfio-pci,host=" + vf_bdf(number)]
        line += ["-kernel", "/build/" + os.path.basename(self.image)]
        if self.append:
            line += ["-append", self.append]
        if self.config is not None:
            line += ["-initrd", self._write("conf", self.config)]
        return line

    def start(self):
        self.started = time.monotonic()
        self.serial = self.linux.consoles[self.console].socket
        self.hear()         # forgets what an earlier one said last
        self.transcript, self.seen = "", 0
        self.linux.guests.append(self)
        self.linux.run("""rm -f {0}.status {0}.log
            setsid sh -c 'exec <>/dev/console{1} >&0 2>{0}.log; echo $$ >{0}.pid
                          {2}; echo $? >{0}.status; echo "== QEMU is gone"' 3>&- &""".format(
            self.state, self.console, shlex.join(self._command_line()).replace("'", "'\\''")))
        if self.wait_ready:
            self.ready()

    def ready(self):
        self.read_until(r"^(ready: [^\n]*|== QEMU is gone)\n", BOOT_LIMIT)
        self.ready_after = time.monotonic() - self.started
        match = qemu.READY.search(self.transcript)
        assert match, "QEMU in Linux: %s\n%s" % (self.qemu_log(), self.transcript[-1000:])
        self.read_until(re.escape(qemu.PROMPT))
        return match

    def command(self, line, timeout=qemu.COMMAND_LIMIT):
        """As everywhere, but the log may say something behind the prompt: links come and go here."""
        self.type(line + "\n")
        return self.read_until(r"%s\n(.*?)^%s" % (re.escape(line), re.escape(qemu.PROMPT)), timeout).group(1)

    def hear(self):
        """Takes what it said by now."""
        while self._read_some(0):
            pass

    def running(self):
        return self.linux.run("[ -e %s.status ] || echo yes" % self.state) == "yes"

    def qemu_log(self):
        return self.linux.run("cat %s.log" % self.state, check=False)

    def wait_exit(self, timeout=SETTLE_LIMIT):
        self.linux.until("[ -e %s.status ]" % self.state, timeout)
        self.hear()
        return int(self.linux.run("cat %s.status" % self.state))

    def kill(self):
        if self in self.linux.guests:
            self.linux.guests.remove(self)
        if self.linux.alive():
            self.linux.run("[ -e {0}.status ] || kill -9 -$(cat {0}.pid)".format(self.state), check=False)
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
            if kind is None and self.running():
                self.poweroff()
        finally:
            print(self.transcript[-20000:])
            print(self.qemu_log())
            self.kill()


# ---- What the cases wait for -------------------------------------------------------------

def wait_for(question, what):
    """The first true answer; asked again and again, within a limit against hanging."""
    end = time.monotonic() + SETTLE_LIMIT
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError("%s: not in %d s" % (what, SETTLE_LIMIT))


def shows(appliance, number=0, **wanted):
    """Waits until a port's entry in `show stats json` has these values; the entry."""
    def question():
        entry = appliance.stats()["ports"][number]
        return entry if all(entry[name] == value for name, value in wanted.items()) else None
    return wait_for(question, "port %d %s" % (number, wanted))


def says(appliance, text):
    """Waits until the appliance's log has the text.  The same trouble is not told twice in 10 s."""
    wait_for(lambda: text in appliance.command("show log"), "%r in the log" % text)


def resets(appliance, number=0, more_than=-1):
    """How often the VF has reset itself; waits until it is more."""
    def question():
        count = int(re.search(r"device resets +(\d+)", appliance.command("show port %d" % number)).group(1))
        return count + 1 if count > more_than else None
    return wait_for(question, "resets of port %d" % number) - 1
