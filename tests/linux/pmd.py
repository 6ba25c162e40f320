"""DPDK's testpmd in a Linux guest, on device models: a cable of each ends in the test.

The guest has an IOMMU, and vfio-pci gives the models to testpmd, which is the installed one: the
guest sees the machine's /usr.  It is spoken to through a port of the guest's, prompt by prompt.
"""
import re
import shutil
import socket
import time

import guest
import modelled

PROMPT = "testpmd> "
MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "vfio_iommu_type1", "vfio_pci"]
HUGE_PAGES = 96
LOG = "/run/testpmd.log"
START_LIMIT = 180               # against hanging
EVENT_LIMIT = 60


def missing():
    """What cannot be run, and why; None: nothing."""
    if not shutil.which("dpdk-testpmd"):
        return "no dpdk-testpmd: tools/setup"
    return None


class Machine(modelled.Linux):
    """`nics`: (kind, options) of each model, all of one `program`; `cables` of the same number.  `served`: functions of
    models that are there already, without cables."""

    def __init__(self, nics, program="ixgbe_server", served=()):
        super().__init__(nics, modules=MODULES, append="intel_iommu=on", memory=896, program=program, served=served)
        self.cables = []

    def prepare(self):
        guest.make_initramfs(self._initramfs(), self.modules, modelled.MODELS)
        for number, (kind, options) in enumerate(self.nics):
            self.cables.append(modelled.Cable(self.folder, number))
            self.servers.append(modelled.Server(self.folder, "nic%d" % number, kind,
                                                "listen:" + self.cables[-1].remote, options, program=self.program))
            self.cables[-1].connect()

    def _machine(self):
        return ["-device", "intel-iommu,intremap=on,caching-mode=on"]

    def __enter__(self):
        super().__enter__()
        self.run("chmod 755 /; mkdir -p /var/run /huge; mount -t hugetlbfs none /huge; "
                 "echo %d >/proc/sys/vm/nr_hugepages" % HUGE_PAGES)
        for number in range(len(self.nics) + len(self.served)):
            self.run("cd /sys/bus/pci/devices/{0}; echo vfio-pci >driver_override; echo {0} >/sys/bus/pci/drivers_probe; "
                     "[ -e driver ]".format(modelled.bdf(number)))
        return self

    def kill(self):
        for cable in self.cables:
            cable.unplug()
        self.cables = []
        super().kill()


class Testpmd:
    """One run of it on NICs of the machine, which are its ports 0 and up.  Use as a context."""

    __test__ = False            # pytest takes it for a case of its own

    def __init__(self, machine, nics, eal="", words=""):
        self.machine, self.socket = machine, machine.consoles[0].socket
        self.cables = [machine.cables[nic] for nic in nics if machine.cables]
        self.servers = [machine.servers[nic] for nic in nics if machine.servers]
        self.words = "--lcores 0@0,1@1 --huge-dir /huge --log-level=pmd.net.*.init:debug %s %s -- " \
            "-i --total-num-mbufs=32768 %s" % (" ".join("-a " + modelled.bdf(nic) for nic in nics), eal, words)
        self.said, self.heard = "", 0       # all of it; how far it was waited for

    def hear(self, limit=0.0):
        """Takes what it said by now, or the first words within the limit."""
        self.socket.settimeout(limit or 0.001)
        try:
            while data := self.socket.recv(65536):
                self.said += data.decode(errors="replace").replace("\r", "")
                self.socket.settimeout(0.001)
        except socket.timeout:
            pass

    def read_until(self, pattern, limit):
        """Waits for words it has not been waited for yet; what stood before them."""
        end = time.monotonic() + limit
        while not (match := re.compile(pattern, re.M).search(self.said, self.heard)):
            assert time.monotonic() < end and self.machine.alive(), \
                "testpmd does not say %r: %s" % (pattern, self.said[self.heard:][-3000:])
            self.hear(1.0)
        text, self.heard = self.said[self.heard:match.start()], match.end()
        return text

    def command(self, line, limit=EVENT_LIMIT):
        """What it answers."""
        self.hear()
        self.heard = len(self.said)
        self.socket.sendall((line + "\n").encode())
        self.read_until(re.escape(line) + "\n", limit)
        return self.read_until("^" + PROMPT, limit)

    def commands(self, text):
        for line in filter(None, map(str.strip, text.splitlines())):
            self.command(line)

    def forward(self, mode):
        """Forwards that way, and waits for a model that has not looked at a full ring yet."""
        self.commands("set fwd %s retry\nset burst tx delay 100 retry 100000\nstart" % mode)

    def again(self, lines="", mode="io"):
        """Its ports stop, are told these lines, and start."""
        self.commands("stop\nport stop all\n%s\nport start all" % lines)
        self.forward(mode)

    def event(self, text):
        """It says so by itself."""
        self.read_until(text, EVENT_LIMIT)

    def log(self):
        """What it and its drivers logged, errors too."""
        return self.machine.run("cat " + LOG)

    def numbers(self, line):
        """`name: value` pairs of an answer."""
        return {name: int(value) for name, value in re.findall(r"([\w-]+): +(\d+)", self.command(line))}

    def stats(self, port):
        return self.numbers("show port stats %d" % port)

    def xstats(self, port):
        return self.numbers("show port xstats %d" % port)

    def violations(self):
        return [server.violations() for server in self.servers]

    def __enter__(self):
        self.machine.run("setsid sh -c 'exec <>/dev/console0 >&0 2>%s; stdbuf -o0 dpdk-testpmd %s; "
                         "echo == testpmd is gone $?' 3>&- &" % (LOG, self.words))
        try:
            self.read_until("^(%s|== testpmd is gone)" % PROMPT, START_LIMIT)
            assert "== testpmd is gone" not in self.said
            self.forward("io")
        except BaseException:
            print(self.log(), self.said)
            raise
        return self

    def __exit__(self, kind, value, trace):
        print(self.log()[-10000:], self.said[-20000:])
        self.socket.sendall(b"quit\n")
        self.read_until("^== testpmd is gone", EVENT_LIMIT)
        self.read_until(" 0\n", EVENT_LIMIT)
