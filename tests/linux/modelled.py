"""A Linux guest whose NICs are device models of tests/models, by QEMU's vfio-user-pci.

One ixgbe_server process a NIC; two of them are wired to each other, so that one guest has both ends
of the cable, each in a network namespace.  QEMU, the kernel and ethtool are in build/models, where
`tools/setup --models` has put them.
"""
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "nested"))

import guest  # noqa: E402
import qemu  # noqa: E402

MODELS = os.path.join(qemu.BUILD, "models")
SERVERS = ("ixgbe_server", "i40e_server", "iavf_server")
NEWER_QEMU = os.path.join(MODELS, "qemu", "qemu")
ETHTOOL = "/build/models/ethtool"
IP = os.path.realpath(shutil.which("ip") or "/sbin/ip")
SHORTEST = 60
BULK_MIB = 12
BULK_LIMIT = 240
MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "8021q", "ixgbe", "ixgbevf", "i40e", "iavf"]


def missing():
    """What `tools/setup --models` would bring; None: nothing."""
    for path in (NEWER_QEMU, os.path.join(MODELS, "vmlinuz"), os.path.join(MODELS, "ethtool"),
                 *(os.path.join(qemu.BUILD, server) for server in SERVERS)):
        if not os.path.exists(path):
            return os.path.relpath(path, ROOT)
    return None


def bdf(number):
    """Each NIC is the only device behind its root port, the first bus behind number 0."""
    return "0000:%02x:00.0" % (number + 1)


ROOT_PORT = "pcie-root-port,id=rp%d,chassis=%d,slot=%d,pref64-reserve=64M"     # VFs' registers want room as well
# First VF Offset and VF Stride in a hierarchy with ARI.
VFS_AT = {"ixgbe_server": (128, 2), "i40e_server": (16, 1)}


def stand_ins(vfs, program="ixgbe_server"):
    """Who makes VFs asks each for a header.  Theirs are in another QEMU: where this one's PF, on rp0, has them stand empty
    devices."""
    line = []
    offset, stride = VFS_AT[program]
    for number in range(vfs):
        devfn = offset + stride * number
        line += ["-device", "pci-testdev,bus=rp0,addr=%x.%x,multifunction=on" % (devfn >> 3, devfn & 7)]
    return line


class Served:
    """A function of a model, at its socket."""

    def __init__(self, path):
        self.path = path

    def device(self, bus):
        """QEMU's words for it."""
        return json.dumps({"driver": "vfio-user-pci", "bus": bus, "socket": {"type": "unix", "path": self.path},
                           "x-msg-timeout": 120000})


class Server(Served):
    """One model: `kind` is pf or vf, `options` what the program takes before it, `vfs` how many have a socket each."""

    def __init__(self, folder, name, kind, wire, options=(), vfs=0, program="ixgbe_server"):
        super().__init__(os.path.join(folder, name))
        options = [*options, *(["-v", str(vfs)] if vfs else [])]
        self.vfs = [Served("%s.vf%d" % (self.path, number)) for number in range(vfs)]
        self.log = os.path.join(folder, name + ".log")
        self.errors = open(self.log, "wb")
        self.process = subprocess.Popen([os.path.join(qemu.BUILD, program), *options, "-w", wire, kind, self.path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        ready = self.process.stdout.readline()
        assert ready == "ready\n", self.story()

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the model is gone:\n" + self.story()
        return answer.split()

    def violations(self):
        return int(self.ask("violations")[1])

    def link(self, up):
        self.ask("link up" if up else "link down")

    def story(self):
        self.errors.flush()
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.errors.close()


class Cable(qemu.Wire):
    """The far end of a model's cable: a stream, each frame behind its length in four bytes."""

    def connect(self):
        self.local = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(self.remote)
        threading.Thread(target=self._collect, args=(self.socket,), daemon=True).start()

    def _collect(self, sock):
        with sock.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while len(head := stream.read(4)) == 4:
                self.frames.put(stream.read(struct.unpack(">I", head)[0]))

    def send(self, *frames):
        """Short ones are padded, as who sends on Ethernet does."""
        for frame in frames:
            frame = bytes(frame).ljust(SHORTEST, b"\0")
            self.socket.sendall(struct.pack(">I", len(frame)) + frame)


class Linux(guest.Linux):
    """`nics`: (kind, options) of each model of its own, all of one `program`; they are wired in pairs, the last of an odd number to `wire`.  `served`: functions of models that
    are there already, on the root ports behind those.  `vfs`: so many VFs of the first model have a socket for another QEMU.

    Nobody drives VFs here: their registers are in the other QEMU (stand_ins)."""

    def __init__(self, nics, modules=MODULES, served=(), vfs=0, program="ixgbe_server", **more):
        super().__init__(**{"memory": 768, "cpus": 2, **more})
        self.program = program
        self.nics, self.modules, self.served, self.vfs, self.servers = nics, modules, served, vfs, []

    def prepare(self):
        assert missing() is None, "run tools/setup --models"
        guest.make_initramfs(self._initramfs(), self.modules, MODELS)
        for number, (kind, options) in enumerate(self.nics):
            wire = self._path("wire%d" % (number // 2))
            self.servers.append(Server(self.folder, "nic%d" % number, kind,
                                       ("" if number % 2 else "listen:") + wire, options, 0 if number else self.vfs,
                                       self.program))
        if len(self.nics) % 2:
            self.wire = Cable(self.folder, 0)
            self.wire.remote = wire
            self.wire.connect()

    def _initramfs(self):
        return self._path("initramfs")

    def _machine(self):
        return []

    def _command_line(self):
        line = [NEWER_QEMU, "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(self.memory),
                "-object", "memory-backend-memfd,id=m,size=%dM,share=on" % self.memory, "-machine", "memory-backend=m",
                "-smp", str(self.cpus), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                *self._machine(),
                "-serial", "file:" + self._path("linux.log"),
                "-chardev", "socket,id=qmp,path=%s,server=on,wait=off" % self._path("qmp"),
                "-mon", "chardev=qmp,mode=control",
                "-device", "virtio-serial-pci,id=ports"]
        for number, server in enumerate([*self.servers, *self.served]):
            line += ["-device", ROOT_PORT % (number, number + 1, number + 1),
                     "-device", server.device("rp%d" % number)]
        if self.vfs:
            line += stand_ins(self.vfs, self.program)
        line += self.steps.options("steps", 1)
        for number, console in enumerate(self.consoles):
            line += console.options("console%d" % number, 2 + number)
        for tag, path in (("usr", "/usr"), ("build", qemu.BUILD)):
            line += ["-fsdev", "local,id=%s,path=%s,security_model=none,readonly=on,multidevs=remap" % (tag, path),
                     "-device", "virtio-9p-pci,fsdev=%s,mount_tag=%s" % (tag, tag)]
        return line + ["-kernel", os.path.join(MODELS, "vmlinuz"), "-initrd", self._initramfs(), "-append",
                       "console=ttyS0 loglevel=7 panic=-1 no_timer_check " + self.append]

    def kill(self):
        for server in self.servers:
            server.kill()
        self.servers = []
        super().kill()

    def story(self):
        return "\n".join([super().story(), *("---- model\n" + server.story() for server in self.servers)])

    def far(self, words):
        """A command in the other network namespace."""
        return "%s netns exec far %s" % (IP, words)

    def part(self, near, far=None):
        """The first function here and the second one in the network namespace `far`, with these addresses; both are up."""
        self.pf, self.vf = self.netdev(bdf(0)), self.netdev(bdf(1))
        self.run("mkdir -p /var/run")
        self.ip("netns add far")
        self.ip("link set %s netns far" % self.vf)
        self.ip("address add %s/24 dev %s" % (near, self.pf))
        if far:
            self.ip("-n far address add %s/24 dev %s" % (far, self.vf))
        self.ip("link set %s up" % self.pf)
        self.ip("-n far link set %s up" % self.vf)
        self.both_up()

    def both_up(self):
        self.until(guest.is_up(self.pf))
        self.until("%s -n far link show %s | grep -q 'state UP'" % (IP, self.vf))

    def statistics(self, netdev, far=False):
        """What `ethtool -S` says."""
        command = "%s -S %s" % (ETHTOOL, netdev)
        lines = self.run(self.far(command) if far else command).splitlines()[1:]
        return {name.strip(): int(value) for name, value in (line.rsplit(":", 1) for line in lines)}

    def bulk(self, to_far, address, streams=1):
        """TCP, so many streams at once; what was received must be what was sent."""
        sender, receiver = ("%s", self.far("%s")) if to_far else (self.far("%s"), "%s")
        ports = range(5001, 5001 + streams)
        # A receiver whose input ends would end the connection: it listens to a pipe on which nobody speaks.
        script = "[ -p /run/silence ] || mkfifo /run/silence; exec 9<>/run/silence\n"
        script += "".join("%s <&9 >/run/got.%d & got=\"$got $!\"\n" % (receiver % ("nc -l -p %d" % port), port)
                          for port in ports)
        script += "".join("until %s </run/bulk; do sleep 0.2; done & sent=\"$sent $!\"\n"
                          % (sender % ("nc %s %d" % (address, port))) for port in ports)
        script += "wait $sent $got; cat /run/bulk | md5sum; "
        script += "; ".join("md5sum </run/got.%d" % port for port in ports)
        sums = self.run(script, limit=BULK_LIMIT).split()
        sums = [word for word in sums if len(word) == 32]
        assert len(sums) == streams + 1 and len(set(sums)) == 1, sums

    def make_bulk(self):
        self.run("dd if=/dev/urandom of=/run/bulk bs=1M count=%d" % BULK_MIB)

    def violations(self):
        return [server.violations() for server in self.servers]
