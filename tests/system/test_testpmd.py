"""One script of commands against Debian's dpdk-testpmd and against the image: what both print is compared
line by line where they claim to be the same (docs/from-dpdk.md)."""
import os
import re
import shutil
import subprocess
import time

import pytest
from scapy.all import ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, IPv6, PcapWriter, rdpcap, wrpcap

from qemu import Appliance, check_law
from test_capture import archive, fetch, machine, pcap_bytes

SCRIPT = """\
set fwd io
start tx_first
show port stats all
show fwd stats all
clear port stats all
clear fwd stats all
show fwd stats all
stop
show port xstats 0
set fwd macswap
set burst 16
start tx_first 2
set record-burst-stats on
show fwd stats all
stop
show port summary all
set fwd csum
start
stop
"""


def run_testpmd(folder, script, *vdevs):
    """What it prints for the script, without its prompt.  Newer ones show each command behind that, at once: what is
    printed must not wait in a buffer either (stdbuf), and then the commands are taken out, too."""
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed: tools/setup")
    path = os.path.join(folder, "script")
    with open(path, "w", encoding="ascii") as f:
        f.write(script)
    command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
               "--file-prefix", "millrace%d" % os.getpid(), "-l", "0,1"]
    for vdev in vdevs:
        command += ["--vdev", vdev]
    command += ["--", "-i", "--total-num-mbufs=8192", "--cmdline-file", path]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if "Configuring Port 0" not in run.stdout + run.stderr:
        pytest.skip("dpdk-testpmd does not run here: " + (run.stderr + run.stdout)[-300:])
    shown = "|".join(re.escape(line) for line in script.splitlines())
    return re.sub(r"^testpmd> (%s)\n|testpmd> " % shown, "", run.stdout, flags=re.M)


def ours(script, *ports):
    with Appliance(nics=()) as m:
        for port in ports:
            m.must("port add " + port)
        said = "".join(m.must(line) for line in script.splitlines())
        check_law(m.stats())
    return said


def blocks(text, title):
    """Each block whose first line has the title, up to its border or to the blank line behind it."""
    found = re.findall(r"^ *[-#+*]+ ?%s.*?\n(?= *[-#+*]{70,}\n)" % title, text, re.M | re.S)
    return [block.splitlines() for block in found]


def shape(line):
    """A line with every figure, and the blanks that fill its column, as one sign."""
    return re.sub(r"\d+(\.\d+)?", "#", re.sub(r"(\d)( +)", lambda m: m.group(1) + " ", line))


def columns(line):
    """Where the words of a line of figures begin, as long as no figure is wider than its column."""
    return [m.start() for m in re.finditer(r"[A-Z][A-Za-z-]+:", line)]


def burst_free(block):
    return [line for line in block if "-bursts" not in line]


def test_blocks_have_testpmds_shape(tmp_path):
    theirs = run_testpmd(str(tmp_path), SCRIPT, "net_ring0", "net_ring1")
    mine = ours(SCRIPT, "ring", "ring")
    for title in (r"Forward statistics for port \d", "Accumulated forward statistics", r"NIC statistics for port \d"):
        a, b = blocks(theirs, title), blocks(mine, title)
        assert len(a) == len(b) > 0, title
        for theirs_block, my_block in zip(a, b):
            x, y = burst_free(theirs_block), burst_free(my_block)
            assert [shape(line) for line in x] == [shape(line) for line in y]
            assert [columns(line) for line in x] == [columns(line) for line in y]
    for line in ("Set io packet forwarding mode", "Number of packets per burst set to 16", "Telling cores to stop...",
                 "Waiting for lcores to finish...", "Done.", "  NIC statistics for port 1 cleared",
                 "Number of available ports: 2", "Port MAC Address       Name         Driver         Status   Link"):
        assert line in theirs.splitlines(), line
        assert line in mine.splitlines(), line
    bursts = r"^  [RT]X-bursts : \d+ \[\d+% of \d+ pkts( \+ \d+% of (\d+ pkts|other))*\]$"
    assert re.search(bursts, theirs, re.M) and re.search(bursts, mine, re.M)
    names = re.compile(r"^([rt]x_\w+): \d+$", re.M)
    assert names.findall(theirs) == names.findall(mine)


def figures(text):
    """RX and TX of each block of forward statistics, in order."""
    return [tuple(map(int, found)) for found in re.findall(
        r"RX-packets: (\d+) +RX-dropped: (\d+) +RX-total: (\d+)\n(?:  Bad.*\n)*"
        r"  TX-packets: (\d+) +TX-dropped: (\d+) +TX-total: (\d+)", text)]


def test_figures_add_up_alike(tmp_path):
    for said in (run_testpmd(str(tmp_path), SCRIPT, "net_ring0", "net_ring1"), ours(SCRIPT, "ring", "ring")):
        found = figures(said)
        assert len(found) == 18         # six times two ports and all
        for rx, rx_dropped, rx_total, tx, tx_dropped, tx_total in found:
            assert rx + rx_dropped == rx_total and tx + tx_dropped == tx_total
        for i in range(0, 18, 3):
            assert tuple(map(sum, zip(found[i], found[i + 1]))) == found[i + 2]
        assert all(one[0] > 32 for one in found[:2])        # the burst went round


# Nothing comes in and all that is made goes out: the same to the frame.
TX_FIRST = """\
set fwd rxonly
start tx_first 3
stop
set burst 8
start tx_first 5
stop
"""


def test_tx_first_sends_the_same_number_of_frames(tmp_path):
    theirs = figures(run_testpmd(str(tmp_path), TX_FIRST, "net_null0,no-rx=1", "net_null1,no-rx=1"))
    mine = figures(ours(TX_FIRST, "null", "null"))
    assert theirs == mine and mine[0] == (0, 0, 0, 96, 0, 96) and mine[3] == (0, 0, 0, 40, 0, 40)


def some_frames():
    """IPv4 and IPv6, TCP and UDP, tags, fragments, wrong checksums, and what is none of that."""
    ether = Ether(dst="02:00:00:00:0a:02", src="02:00:00:00:0a:01")
    v4, v6 = IP(src="192.0.2.1", dst="198.51.100.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
    udp, tcp = UDP(sport=1000, dport=2000) / (b"u" * 33), TCP(sport=3000, dport=4000) / (b"t" * 300)
    frames = [ether / v4 / udp, ether / v4 / tcp, ether / v6 / udp, ether / v6 / tcp,
              ether / Dot1Q(vlan=7) / v4 / udp, ether / Dot1Q(vlan=7) / v6 / tcp,
              ether / IP(src="192.0.2.1", dst="198.51.100.2", chksum=0x1234) / UDP(sport=1, dport=2, chksum=0x4321) / b"bad",
              ether / v4 / UDP(sport=5, dport=6, chksum=0) / b"none", ether / ARP(), ether / v4 / ICMP() / b"ping",
              Ether(dst="02:00:00:00:0a:02", src="02:00:00:00:0a:01", type=0x88b5) / (b"x" * 50)]
    return [bytes(frame).ljust(60, b"\0") for frame in frames]


def forward_by_testpmd(folder, mode, frames):
    """What comes out of its second port: the frames of the file that it writes, and the block it prints."""
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed: tools/setup")
    sent, out = os.path.join(folder, "sent.pcap"), os.path.join(folder, "theirs.pcap")
    wrpcap(sent, [Ether(frame) for frame in frames])
    command = ["stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", "--file-prefix",
               "millrace%d" % os.getpid(), "-l", "0,1",
               "--vdev", "net_pcap0,rx_pcap=%s,tx_pcap=%s/back.pcap" % (sent, folder),
               "--vdev", "net_pcap1,rx_pcap=%s/empty.pcap,tx_pcap=%s" % (folder, out),
               "--", "-i", "--total-num-mbufs=8192", "--no-flush-rx", "--forward-mode=" + mode]
    with PcapWriter(os.path.join(folder, "empty.pcap"), linktype=1) as empty:
        empty.write_header(None)
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    run.stdin.write("start\n")
    run.stdin.flush()
    said = ""
    for _ in range(60):         # until all have been received, however slow the machine is
        time.sleep(0.5)
        run.stdin.write("show port stats 0\n")
        run.stdin.flush()
        while (line := run.stdout.readline()) and "Tx-pps" not in line:
            said += line
            if "Error" in line or "Cannot" in line:
                run.kill()
                pytest.skip("dpdk-testpmd does not run here: " + said[-300:])
        if "RX-packets: %d " % len(frames) in said:
            break
    said, _ = run.communicate("stop\nquit\n", timeout=60)
    return [bytes(frame) for frame in rdpcap(out)], figures(said.replace("testpmd> ", ""))


def forward_by_us(folder, mode, frames):
    data = pcap_bytes(folder, [Ether(frame) for frame in frames])
    console, m = machine(folder, archive(folder, sent=data))
    with m:
        m.must("port add pcap tx out number 1")
        m.must("forward " + mode)
        m.must("port add pcap rx sent number 0")
        m.settled(len(frames))
        block = figures(m.must("stop"))
        m.must("port delete 1")
        path = os.path.join(folder, "ours.pcap")
        fetch(console, "out", path)
        return [bytes(frame) for frame in rdpcap(path)], block


@pytest.mark.parametrize("mode", ["io", "mac", "macswap", "5tswap", "csum"])
def test_modes_make_the_same_of_the_same_frames(tmp_path, mode):
    """Byte by byte, but for the address that each port has of its own."""
    frames = some_frames()
    theirs, their_block = forward_by_testpmd(str(tmp_path), mode, frames)
    mine, my_block = forward_by_us(str(tmp_path), mode, frames)
    assert len(theirs) == len(mine) == len(frames)
    for number, (a, b) in enumerate(zip(theirs, mine)):
        if mode in ("mac", "csum"):
            a, b = a[:6] + a[12:], b[:6] + b[12:]
        assert a == b, "frame %d: %s and %s" % (number, Ether(a).summary(), Ether(b).summary())
    assert their_block == my_block
