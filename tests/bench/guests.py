"""Forwarders in QEMU, one at a time, between the two ends of one generator (peer_traffic.c).

The appliance, Linux's bridge and router, and DPDK's testpmd in Linux, on the same machine: q35,
`-cpu max`, one vCPU, pinned to the last CPU; the generator has the first one for itself.  Linux is
Debian's kernel of build/nested, booted with mitigations=off, with the host's /usr for testpmd.
"""
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import guest
import peers
import qemu

GENERATOR = os.path.join(qemu.BUILD, "bench", "peer_traffic")
KERNEL = os.path.join(qemu.BUILD, "nested", "vmlinuz")
MEMORY = 1024
LIMIT = 180                     # against hanging
MS = int(os.environ.get("BENCH_MS", "2000"))
MACS = [qemu.port_mac(n) for n in (0, 1)]
HOSTS = [("192.0.2.2", "02:00:00:00:aa:00"), ("198.51.100.2", "02:00:00:00:ab:00")]
ADDRESSES = ["192.0.2.1/24", "198.51.100.1/24"]


class Failed(Exception):
    pass


# ---- What is booted ---------------------------------------------------------------------

INIT = """#!/bin/busybox sh
export PATH=/bin:/usr/sbin:/usr/bin
/bin/busybox mkdir -p /proc /sys /dev /usr /tmp /run /huge /lib64
/bin/busybox --install -s /bin
rm -f /bin/ip
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in $(cat /modules.order); do insmod /modules/$module.ko; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 usr /usr
for library in /usr/lib /usr/lib32 /usr/lib64; do [ ! -d $library ] || { rmdir /${library##*/} 2>/dev/null; ln -sf $library /; }; done
sh /job
echo "ready: linux"
exec sleep 1000000
"""

IP = os.path.realpath(shutil.which("ip") or "/usr/bin/ip")      # the shell's own knows less

BRIDGE = """ip link add br0 type bridge stp_state 0 forward_delay 0
for port in eth0 eth1; do ip link set $port master br0 up; done
ip link set br0 up
until [ $(cat /sys/class/net/eth0/brport/state /sys/class/net/eth1/brport/state | tr -d '\\n') = 33 ]; do sleep 0.1; done
"""

ROUTER = "echo 1 >/proc/sys/net/ipv4/ip_forward\n" + "".join(
    "ip link set eth{n} up\nip addr add {own} dev eth{n}\n{ip} neigh replace {host} lladdr {mac} dev eth{n} nud permanent\n".format(
        n=n, own=ADDRESSES[n], ip=IP, host=HOSTS[n][0], mac=HOSTS[n][1]) for n in (0, 1))

# Debian's vfio has no mode without an IOMMU.
TESTPMD = """mkdir -p /var/run
chmod 755 /
echo 160 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs none /huge
for port in eth0 eth1; do
    device=$(readlink -f /sys/class/net/$port/device)
    case $device in */virtio*) device=${device%%/*} ;; esac
    bdf=${device##*/}
    echo $bdf >$device/driver/unbind
    echo uio_pci_generic >$device/driver_override
    echo $bdf >/sys/bus/pci/drivers_probe
done
sleep 1000000 | dpdk-testpmd --lcores 0@0,1@0 --huge-dir /huge -- --burst=32 --forward-mode=%s --total-num-mbufs=8192 \\
    >/tmp/testpmd 2>&1 &
"""


def initramfs(job, nic):
    modules = guest.load_order(["virtio_pci", "virtio_net", "9pnet_virtio", "9p", "bridge", "uio_pci_generic", nic])
    with open(os.path.join(guest.NESTED, "busybox"), "rb") as f:
        busybox = f.read()
    entries = [(name, 0o040755, b"") for name in ("bin", "modules", "dev")]
    entries += [("init", 0o100755, INIT.encode()), ("job", 0o100644, job.encode()), ("bin/busybox", 0o100755, busybox),
                ("modules.order", 0o100644, "\n".join(modules).encode() + b"\n")]
    entries += [("modules/%s.ko" % name, 0o100644, content) for name, content in modules.items()]
    return guest.archive(entries)


NEIGHBORS = "".join("neighbor add %s %s port %d\n" % (*HOSTS[n], n) for n in (0, 1))
MILLRACE = {"io": "forward io\n", "mac": "forward mac\n", "l2": "forward l2\n",
            "l3": "".join("port %d address %s\n" % (n, ADDRESSES[n]) for n in (0, 1)) + NEIGHBORS + "forward l3\n"}
LINUX = {"bridge": BRIDGE, "router": ROUTER, "testpmd io": TESTPMD % "io", "testpmd mac": TESTPMD % "mac"}


# What the generator and the rings take by themselves: a program, without QEMU.
ALONE = "testpmd alone"


class Machine:
    """One forwarder and its generator.  Use as a context."""

    def __init__(self, who, nic="virtio", wires="vhost", append=""):
        """who: `millrace MODE`, with `append` as its command line, or one of LINUX."""
        self.who, self.nic, self.wires, self.append = who, nic, wires, append
        self.folder = tempfile.mkdtemp(prefix="millrace-bench.")
        self.processes = []
        self.line = None        # ns to the forwarder's CPU, while it is free; the other kind of generator waits for the machine first

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _wire_options(self, n):
        *below, device = qemu.NICS[self.nic].replace("{n}", str(n)).replace("{m}", str(n + 1)).split("|")
        options = [word for each in below for word in ("-device", each)]
        if self.wires == "vhost":
            options += ["-chardev", "socket,id=c%d,path=%s" % (n, self._path("vhost%d" % n)),
                        "-netdev", "vhost-user,id=n%d,chardev=c%d" % (n, n)]
        else:
            options += ["-netdev", "dgram,id=n%d,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
                        % (n, self._path("port%d" % n), self._path("wire%d" % n))]
        return options + ["-device", "%s,netdev=n%d,mac=%s" % (device, n, MACS[n])]

    def _alone(self):
        wires = ["--vdev=net_virtio_user%d,path=%s" % (n, self._path("vhost%d" % n)) for n in (0, 1)]
        return ["dpdk-testpmd", "--lcores", "0@{0},1@{0}".format(peers.CPUS[-1]), "--no-pci", "--no-huge", "-m", "256", "--no-telemetry",
                "--file-prefix=alone%d" % os.getpid(), *wires, "--", "--burst=32", "--forward-mode=io", "--total-num-mbufs=4096"]

    def _command_line(self):
        if self.who == ALONE:
            return self._alone()
        line = ["taskset", "-c", str(peers.CPUS[-1]), qemu.QEMU, "-M", "q35,memory-backend=ram",
                "-object", "memory-backend-memfd,id=ram,size=%dM,share=on" % MEMORY, "-m", str(MEMORY),
                "-accel", qemu.accelerator(), "-cpu", "max", "-smp", "1", "-nodefaults", "-no-user-config",
                "-display", "none", "-no-reboot", "-serial", "stdio"]
        for n in (0, 1):
            line += self._wire_options(n)
        with open(self._path("initrd"), "wb") as f:
            if self.who in LINUX:
                f.write(initramfs(LINUX[self.who], self.nic))
                line += ["-fsdev", "local,id=usr,path=/usr,security_model=none,readonly=on,multidevs=remap",
                         "-device", "virtio-9p-pci,fsdev=usr,mount_tag=usr", "-append",
                         "console=ttyS0 quiet no_timer_check panic=-1 mitigations=off net.ifnames=0"]
            else:
                f.write(MILLRACE[self.who.split()[1]].encode())
                line += ["-append", self.append]
        return line + ["-kernel", KERNEL if self.who in LINUX else qemu.IMAGE, "-initrd", f.name]

    def _generator(self):
        paths = ["vhost", self._path("vhost0"), self._path("vhost1")]
        if self.wires != "vhost":
            paths = ["dgram", *[self._path("%s%d" % (end, n)) for n in (0, 1) for end in ("wire", "port")]]
        self.traffic = subprocess.Popen([GENERATOR, str(peers.CPUS[0]), *paths], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.processes.append(self.traffic)
        self._line(self.traffic, "ready")

    def _line(self, process, pattern):
        """The first line of it that matches; what else it says is kept for an error."""
        said = []
        for line in process.stdout:
            said.append(line)
            if re.search(pattern, line):
                return line
        raise Failed("%s: it ended: %s" % (self.who, "".join(said)[-3000:]))

    def __enter__(self):
        try:
            self._generator()
            if self.wires == "vhost":
                self.line = float(self.ask("line %d" % peers.CPUS[-1])[0])
            self.machine = subprocess.Popen(self._command_line(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True, errors="replace")
            self.processes.append(self.machine)
            if self.who != ALONE:       # which says nothing into a pipe before it ends
                self._line(self.machine, "^ready: ")
            if "l3" in self.who or self.who == "router":
                self.ask("to %s %s" % (MACS[0], MACS[1]))
            self._until_it_forwards()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, command):
        self.traffic.stdin.write(command + "\n")
        self.traffic.stdin.flush()
        return self._line(self.traffic, ".").split()

    def _until_it_forwards(self):
        end = time.monotonic() + LIMIT
        while float(self.ask("flood 64 100")[0]) == 0:
            if time.monotonic() > end:
                raise Failed("%s forwards nothing" % self.who)

    def rate(self, size):
        return float(self.ask("flood %d %d" % (size, MS))[0])

    def times(self, size, rate=None):
        """p50, p99, p99.9 in us, and how many were lost."""
        command = "paced %d %d %.0f" % (size, MS, rate) if rate else "lone %d %d" % (size, MS)
        answer = [float(word) for word in self.ask(command)]
        return [value / 1000 for value in answer[:3]] + [answer[4] / max(answer[3] + answer[4], 1)]


# ---- Tables -----------------------------------------------------------------------------

PEERS = {"io": ("testpmd io", 1.5), "mac": ("testpmd mac", 1.5), "l2": ("bridge", None), "l3": ("router", 40)}
SETS = [("virtio", "vhost"), ("virtio", "dgram"), ("e1000", "dgram"), ("igb", "dgram")]
SIZES = (64, 1518)
SAMPLES = 5


def measure(who, nic, wires):
    """{what: [samples]} of one boot."""
    with Machine(who, nic, wires) as machine:
        found = {size: [machine.rate(size) for _ in range(SAMPLES)] for size in SIZES}
        found["idle"] = [machine.times(64) for _ in range(SAMPLES)]
        found["line"] = ["%.0f" % machine.line if machine.line else "-"]
        found["half"] = [machine.times(64, statistics.median(found[64]) / 2) for _ in range(SAMPLES)]
        return found


def measure_all(runs, sets):
    """{(who, nic, wires): {what: [samples]}}, everything in turn."""
    found = {}
    for _ in range(runs):
        for nic, wires in sets:
            everybody = [who for mode, (peer, _) in PEERS.items() for who in ("millrace " + mode, peer)]
            for who in everybody + ([ALONE] if wires == "vhost" else []):
                for what, samples in measure(who, nic, wires).items():
                    found.setdefault((who, nic, wires), {}).setdefault(what, []).extend(samples)
    return found


def spread(samples):
    ordered = sorted(samples)
    return "%.0f-%.0f" % (ordered[len(ordered) // 10] / 1000, ordered[-1 - len(ordered) // 10] / 1000)


def rate_rows(found):
    """[which, who, then for each size: kpps, spread, ratio; asked]: ours, and its peer below it."""
    rows = []
    for who, nic, wires in found:
        mode = who.removeprefix("millrace ")
        peer, bar = PEERS.get(mode, (None, None)) if mode != who else (None, None)
        row = ["%s, %s" % (nic, wires), who]
        for size in SIZES:
            rate = statistics.median(found[who, nic, wires][size])
            base = statistics.median(found[peer, nic, wires][size]) if peer else None
            row += ["%.0f" % (rate / 1000), spread(found[who, nic, wires][size]), "%.2f" % (rate / base) if base else "-"]
        rows.append(row + [bar if bar and wires == "vhost" else "-"])
    return rows


def us(value):
    return ("%.2f" if value < 10 else "%.1f") % value


def time_rows(found):
    """[which, who, then idle and at half load: p50, p99, p99.9; lost; p50 idle to the peer's, asked; how far the CPUs were apart]."""
    rows = []
    for who, nic, wires in found:
        medians = {}
        for load in ("idle", "half"):
            medians[load] = [statistics.median(column) for column in zip(*found[who, nic, wires][load])]
        mode = who.removeprefix("millrace ")
        peer = PEERS[mode][0] if mode != who else None
        base = statistics.median(sample[0] for sample in found[peer, nic, wires]["idle"]) if peer else None
        rows.append(["%s, %s" % (nic, wires), who, *[us(value) for value in medians["idle"][:3]],
                     *[us(value) for value in medians["half"][:3]], "%.3f %%" % (medians["half"][3] * 100),
                     "%.2f" % (medians["idle"][0] / base) if base else "-",
                     0.5 if base and wires == "vhost" and "testpmd" in peer else "-",
                     " ".join(found[who, nic, wires]["line"])])
    return rows


# ---- What rest adds ----------------------------------------------------------------------

HLT = os.path.join(qemu.BUILD, "hlt.elf")
SELDOM = 100                    # frames a second: each finds a worker that rests


def bare_wake_up():
    """us from a timer's end until the code behind a bare hlt runs: p50 and p99."""
    line = ["taskset", "-c", str(peers.CPUS[-1]), qemu.QEMU, "-M", "q35", "-accel", qemu.accelerator(), "-cpu", "max", "-m", "64",
            "-nodefaults", "-display", "none", "-serial", "stdio", "-kernel", HLT]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as machine:
        try:
            for text in machine.stdout:
                if match := re.match(r"ready: hlt (\d+) (\d+) ns", text):
                    return [int(value) / 1000 for value in match.groups()]
        finally:
            machine.kill()
    raise Failed("hlt.elf said nothing")


def rest_rows(runs):
    """[ports, then p50 and p99 while busy and while at rest, what rest adds to p50, the bare hlt's p50, the difference]."""
    sets = SETS[:3]
    found = {(*kind, poll): [] for kind in sets for poll in ("busy", "adaptive")}
    bare = []
    for _ in range(runs):
        bare.append(bare_wake_up()[0])
        for nic, wires, poll in found:
            with Machine("millrace io", nic, wires, "poll=" + poll) as machine:
                found[nic, wires, poll] += [machine.times(64, SELDOM) for _ in range(SAMPLES)]
    rows = []
    for nic, wires in sets:
        busy, rest = ([statistics.median(column) for column in zip(*found[nic, wires, poll])] for poll in ("busy", "adaptive"))
        added, floor = rest[0] - busy[0], statistics.median(bare)
        rows.append(["%s, %s" % (nic, wires), *["%.1f" % value for value in (*busy[:2], *rest[:2], added, floor, added - floor)]])
    return rows


# ---- Several workers in the guest ----------------------------------------------------------

WORKERS = [n for n in (1, 2, 4, 8) if n <= len(peers.CPUS)]


def worker_rate(mode, workers, ports):
    """Mpps that go round through so many ring ports, evenly given to so many workers."""
    config = "port add ring\n" * ports + "".join(
        "port %d queue 0 core %d\n" % (n, n * workers // ports) for n in range(ports)) + "forward %s\nstart tx_first\n" % mode
    with qemu.Appliance(nics=[], config=config, tell=False, extra=["-smp", str(workers)], append="poll=busy") as machine:
        since = machine.stats()
        machine.let_pass(MS * 1000)
        now = machine.stats()
    frames = [sum(port["rx_packets"] for port in stats["ports"]) for stats in (since, now)]
    return (frames[1] - frames[0]) / (now["uptime_us"] - since["uptime_us"])


def worker_rows(runs):
    """[mode, then for each number of workers: Mpps and its ratio to one worker's]."""
    modes, ports = ("io", "mac", "macswap"), 2 * WORKERS[-1]
    found = {(mode, workers): [] for mode in modes for workers in WORKERS}
    for _ in range(runs):
        for mode, workers in found:
            found[mode, workers].append(worker_rate(mode, workers, ports))
    rows = []
    for mode in modes:
        rates = [statistics.median(found[mode, workers]) for workers in WORKERS]
        rows.append([mode] + [text for rate in rates for text in ("%.1f" % rate, "%.2f" % (rate / rates[0]))])
    return rows


def missing():
    if not os.path.exists(GENERATOR) or not os.path.exists(KERNEL) or not shutil.which("dpdk-testpmd"):
        return "no generator, kernel or testpmd; run tools/setup --bench, and make bench-peers"
    return None
