"""One script of commands against Debian's dpdk-testpmd and against the image: what both print is compared
line by line where they claim to be the same (docs/from-dpdk.md)."""
import os
import re
import shutil
import subprocess

import pytest

from qemu import Appliance, check_law

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
    """What it prints for the script; its prompt, which it mixes in, is taken out."""
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed: tools/setup")
    path = os.path.join(folder, "script")
    with open(path, "w", encoding="ascii") as f:
        f.write(script)
    command = ["dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
               "--file-prefix", "millrace%d" % os.getpid(), "-l", "0,1"]
    for vdev in vdevs:
        command += ["--vdev", vdev]
    command += ["--", "-i", "--total-num-mbufs=8192", "--cmdline-file", path]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if "Configuring Port 0" not in run.stdout + run.stderr:
        pytest.skip("dpdk-testpmd does not run here: " + (run.stderr + run.stdout)[-300:])
    return run.stdout.replace("testpmd> ", "")


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
