"""The forwarder as a Linux program (build/bench/bench_ports) beside DPDK's testpmd and l3fwd.

All are single processes without devices, on one pinned CPU, with bursts of 32 and frames of 60
bytes, and run by turns.  A sample is what was sent in 100 ms: of DPDK's programs the ports' own
counters, by DPDK's telemetry socket; ours reads its own.
"""
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import time

BUILD = os.path.join(os.path.dirname(__file__), "..", "..", "build")
OURS = os.path.join(BUILD, "bench", "bench_ports")
TESTPMD = "dpdk-testpmd"
L3FWD = os.path.join(BUILD, "l3fwd", "l3fwd", "build", "l3fwd")
SAMPLES = 10
SAMPLE_S = 0.1
WARM_S = 0.5
START_LIMIT = 60                # against hanging
PCAP_FRAMES = 256               # as fast as any number of them: 32 are slower, more are no faster
CPUS = sorted(os.sched_getaffinity(0))
RULES = {"198.19.1.0/24": 1, "100.64.1.0/24": 0}        # prefix: port


class Failed(Exception):
    pass


def ours(mode, ports, *programs, **words):
    """Frames a second, sample by sample: of one program, or of several at once in all.  Each has its
    own CPUs, and a worker for each of these."""
    running, rates = [], []
    for cpus in programs or (CPUS[-1:],):
        line = [OURS, mode, ports, "samples", str(SAMPLES), "cpus", ",".join(map(str, cpus))]
        for name, value in words.items():
            line += [name, str(value)]
        running.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for program in running:
        out, err = program.communicate()
        if program.returncode:
            raise Failed(err.strip())
        rates.append([float(value) for value in out.split()])
    return [sum(sample) for sample in zip(*rates)]


# ---- DPDK's programs ------------------------------------------------------------------

class Telemetry:
    """DPDK's socket of that name: a command a packet, answered in JSON."""

    def __init__(self, prefix, process):
        folder = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
        path = os.path.join(folder, "dpdk", prefix, "dpdk_telemetry.v2")
        end = time.monotonic() + START_LIMIT
        while True:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if process.poll() is not None or time.monotonic() > end:
                    raise Failed("it does not start")
                time.sleep(0.05)
        self.socket.recv(4096)          # its greeting

    def sent(self):
        """Frames that both ports have sent."""
        frames = 0
        for port in (0, 1):
            self.socket.send(b"/ethdev/stats,%d" % port)
            stats = json.loads(self.socket.recv(65536))["/ethdev/stats"]
            frames += stats["opackets"] if stats else 0
        return frames

    def samples(self):
        end = time.monotonic() + START_LIMIT
        while self.sent() == 0:
            if time.monotonic() > end:
                raise Failed("it forwards nothing")
            time.sleep(0.05)
        time.sleep(WARM_S)
        rates = []
        since, before = time.monotonic(), self.sent()
        for _ in range(SAMPLES):
            time.sleep(SAMPLE_S)
            now, frames = time.monotonic(), self.sent()
            rates.append((frames - before) / (now - since))
            since, before = now, frames
        return rates


def dpdk(program, lcores, devices, words, say=""):
    """Frames a second of one of DPDK's programs, sample by sample."""
    prefix = "millrace-bench-%d" % os.getpid()
    line = [program, "-l", lcores, "--no-pci", "--no-huge", "-m", "512", "--file-prefix=" + prefix]
    line += ["--vdev=" + device for device in devices] + ["--", *words]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=output, stderr=output)
        try:
            process.stdin.write(say.encode())
            process.stdin.flush()
            return Telemetry(prefix, process).samples()
        except (Failed, OSError) as why:
            output.seek(0)
            raise Failed("%s: %s\n%s" % (program, why, output.read()[-2000:].decode(errors="replace")))
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(os.path.join("/var/run/dpdk", prefix), ignore_errors=True)


def testpmd(mode, devices, start="start"):
    """Its first lcore serves the command line only, the last one forwards."""
    return dpdk(TESTPMD, "%d,%d" % (CPUS[0], CPUS[-1]), devices,
                ["-i", "--burst=32", "--forward-mode=" + mode, "--total-num-mbufs=8192"], start + "\n")


def frame(destination):
    """60 bytes, UDP, as bench_ports makes them."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 46, 0, 0, 64, 17, 0, socket.inet_aton("198.18.0.1"),
                     socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xffff) + (total >> 16)
    return bytes.fromhex("020000000001" "020000000002" "0800") + \
        ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + ip[12:] + bytes(26)


def pcap_ports(folder):
    """Two net_pcap devices that receive the same frames for ever, each for the other's prefix, and
    send to nowhere."""
    devices = []
    for port, prefix in enumerate(RULES):
        path = os.path.join(folder, "%d.pcap" % port)
        data = frame(prefix.replace(".0/24", ".1"))
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            f.write((struct.pack("<IIII", 0, 0, len(data), len(data)) + data) * PCAP_FRAMES)
        devices.append("net_pcap%d,rx_pcap=%s,infinite_rx=1" % (port, path))
    return devices


def with_pcap(measure):
    with tempfile.TemporaryDirectory() as folder:
        return measure(folder, pcap_ports(folder))


def l3fwd(folder, devices):
    rules = {"ipv4": "".join("R%s %d\n" % rule for rule in RULES.items()), "ipv6": "R2001:db8::/48 0\n"}
    for name, text in rules.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    lcore = str(CPUS[-1])
    return dpdk(L3FWD, lcore, devices,
                ["-p", "0x3", "-P", "--config", "(0,0,%s),(1,0,%s)" % (lcore, lcore), "--lookup", "lpm", "--parse-ptype",
                 *["--rule_%s=%s" % (name, os.path.join(folder, name)) for name in rules]])


# ---- Tables ---------------------------------------------------------------------------

RINGS = ["net_ring0", "net_ring1"]
NULLS = ["net_null0", "net_null1"]

# name: (ours, the peer's name and what measures it or None, the least ratio that is asked for)
CASES = {
    **{"ring %s" % mode: (lambda mode=mode: ours(mode, "ring"), "testpmd, net_ring",
                          lambda mode=mode: testpmd(mode, RINGS, "start tx_first"), bar)
       for mode, bar in (("io", 0.7), ("mac", 1.5), ("macswap", 1.5))},
    **{"null %s" % mode: (lambda mode=mode: ours(mode, "null"), "testpmd, net_null",
                          lambda mode=mode: testpmd(mode, NULLS), bar)
       for mode, bar in (("io", 1.5), ("mac", 1.5), ("macswap", None))},
    "copy io": (lambda: ours("io", "copy"), "testpmd, net_pcap",
                lambda: with_pcap(lambda _, devices: testpmd("io", devices)), None),
    "copy l3, one route": (lambda: ours("l3", "copy"), "l3fwd, net_pcap", lambda: with_pcap(l3fwd), 2),
    "copy l3, checksum seen": (lambda: ours("l3", "copy", checksums=1), "l3fwd, net_pcap", None, 2),
    "ring l2, 16384 stations": (lambda: ours("l2", "ring", frames=16384), "(30 Mpps)", None, 1),
}


def spread(samples):
    ordered = sorted(samples)
    return "%.0f-%.0f" % (ordered[len(ordered) // 10] / 1e6, ordered[-1 - len(ordered) // 10] / 1e6)


def missing():
    """What cannot be run, or None."""
    if not shutil.which(TESTPMD) or not os.path.exists(L3FWD):
        return "no testpmd or no l3fwd; run tools/setup --bench, and make bench"
    return None


def rows(runs):
    """[what, ours, its spread, peer, theirs, its spread, ratio, bar]; everything in turn."""
    mine, theirs = {}, {}
    for _ in range(runs):
        for name, (measure, peer, other, _) in CASES.items():
            mine.setdefault(name, []).extend(measure())
            if other:
                theirs.setdefault(peer + name.split()[1], []).extend(other())
    table = []
    for name, (_, peer, _, bar) in CASES.items():
        rate = statistics.median(mine[name])
        samples = theirs.get(peer + name.split()[1], [30e6])
        peer_rate = statistics.median(samples)
        table.append([name, "%.1f" % (rate / 1e6), spread(mine[name]), peer, "%.1f" % (peer_rate / 1e6), spread(samples),
                      "%.2f" % (rate / peer_rate), bar or "-"])
    return table


def worker_rows(runs):
    """Two workers beside one, pinned threads on the same two rings with frames in both; and the ceiling: two programs that
    share nothing, of one worker each, at the same time."""
    cases = {"one": [CPUS[-1:]], "two": [(CPUS[0], CPUS[-1])], "alone": [CPUS[:1], CPUS[-1:]]}
    modes, rates = ("io", "mac", "l2", "l3"), {}
    for _ in range(runs):
        for mode in modes:
            for name, programs in cases.items():
                rates.setdefault((mode, name), []).extend(ours(mode, "ring", *programs, frames=256))
    table = []
    for mode in modes:
        one, two, alone = (statistics.median(rates[mode, name]) for name in cases)
        cells = [cell for name in cases for cell in ("%.1f" % (statistics.median(rates[mode, name]) / 1e6), spread(rates[mode, name]))]
        table.append([mode, *cells, "%.2f" % (alone / one), "%.2f" % (two / one), "%.2f" % (two / alone), 1.7])
    return table


def route_rows(runs, counts=(1, 1000, 10000, 100000, 1000000)):
    """What a packet costs with more and more routes; the ports' own part is io's on the same ports."""
    rates = {}
    for _ in range(runs):
        rates.setdefault(0, []).extend(ours("io", "copy", routes=2))
        for count in counts:
            rates.setdefault(count, []).extend(ours("l3", "copy", routes=count))
    ns = {count: 1e9 / statistics.median(samples) for count, samples in rates.items()}
    mhz = tsc_mhz()
    return [["io" if not count else "l3, %d route%s" % (count, "s" * (count > 1)), "%.1f" % ns[count],
             "%.0f" % (ns[count] * mhz / 1000), "%.0f" % ((ns[count] - ns[0]) * mhz / 1000), spread(rates[count])]
            for count in ns]


def tsc_mhz():
    """The clock that cycles are counted with."""
    with open("/proc/cpuinfo", encoding="ascii") as f:
        return next(float(line.split(":")[1]) for line in f if line.startswith("cpu MHz"))
