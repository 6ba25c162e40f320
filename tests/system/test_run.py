"""tools/run as a user sees it: on a terminal, between two live LANs."""
import os
import pty
import re
import select
import subprocess
import time

import pytest

from qemu import ROOT, plain


class Terminal:
    def __init__(self, *options):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([os.path.join(ROOT, "tools", "run"), *options], stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = self.unfinished = ""

    def read_until(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text, re.M | re.S)):
            ready = select.select([self.master], [], [], max(0.0, end - time.monotonic()))[0]
            assert ready, "no %r in %s" % (pattern, self.text[-2000:])
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            assert data, "ended without %r: %s" % (pattern, self.text[-2000:])
            text, self.unfinished = plain(self.unfinished + data.decode(errors="replace"))
            self.text += text
        self.text = self.text[match.end():]
        return match

    def type(self, text):
        os.write(self.master, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()
        os.close(self.master)


def number_in_stats(terminal, port, name):
    terminal.type("show stats json\n")
    return int(terminal.read_until(r'"port": ?%d,[^}]*"%s": ?(\d+),' % (port, name)).group(1))


def until(terminal, port, name, wanted, limit=180):
    end = time.monotonic() + limit
    while (number := number_in_stats(terminal, port, name)) < wanted:
        assert time.monotonic() < end, "port %d: %s is %d" % (port, name, number)


def leave(terminal):
    terminal.type("poweroff\n")
    for _ in range(2):
        match = terminal.read_until(r"LAN \S+ \d+ hosts sent (\d+) requests, (\d+) answered, (\d+) lost, (\d+) err")
        sent, answered, lost, errors = map(int, match.groups())
        assert sent > 50 and answered > 0 and errors == 0, match.group(0)
    terminal.process.wait(timeout=120)
    assert terminal.process.returncode == 0


# Options, the ports they make, and the port that LAN 1 is on.
CASES = {
    "default": ((), 2, 1),
    "l2": (("--mode", "l2"), 2, 1),
    "e1000": (("--nic", "e1000"), 2, 1),
    "iso": (("--iso",), 2, 1),
    "82545em": (("--nic", "e1000-82545em"), 2, 1),
    "e1000e": (("--nic", "e1000e"), 2, 1),
    "vmxnet3": (("--nic", "vmxnet3", "--iommu"), 2, 1),
    "igb-l2": (("--nic", "igb", "--mode", "l2"), 2, 1),
    "microvm": (("--nic", "virtio-mmio"), 2, 1),
    "virtio-iommu": (("--iommu",), 2, 1),
    "vfs": (("--vfs", "2"), 4, 2),
    "vfs-l2": (("--vfs", "1", "--mode", "l2", "--nic", "e1000e"), 3, 1),
    "vfs-igb-iommu-iso": (("--vfs", "7", "--nic", "igb", "--iommu", "--iso"), 9, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_run_shows_live_traffic_and_leaves_nothing(name, tmp_path, monkeypatch):
    options, ports, lan1 = CASES[name]
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Terminal(*options) as terminal:
        terminal.read_until("To leave: poweroff, or Ctrl-A X")
        terminal.read_until(r"^ready: %d ports, forwarding %s" % (ports, "l2" if "l2" in options else "l3"))
        terminal.read_until("millrace> ")
        for port in (0, lan1):
            for way in ("rx_packets", "tx_packets"):        # requests and answers; those before a link came up are lost
                until(terminal, port, way, 400)
        if "--iommu" in options:
            terminal.type("show iommu\n")
            for _ in range(ports):
                terminal.read_until(r"^\d+ +0000:\S+ +fenced ")
        leave(terminal)
    assert os.listdir(tmp_path) == []


def test_what_is_suggested_about_vfs_works(tmp_path, monkeypatch):
    """The line that `--vfs` prints: typed as it stands, LAN 1 stops and comes back."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Terminal("--vfs", "2") as terminal:
        vf = terminal.read_until(r"About the VFs: show vfs, help vf, (vf \S+ 0) link down, and link auto again").group(1)
        terminal.read_until("^(millrace> )?port 2: link up")
        terminal.type("show vfs\n")
        terminal.read_until(r"^0000:01:00.0: port 1 \(igb\), 2 of 7 VFs")
        terminal.read_until(r"^ +vf 0 .*port 2 \(igbvf\)")
        terminal.type(vf + " link down\n")
        terminal.read_until("^(millrace> )?port 2: link down")
        terminal.type(vf + " link auto\n")
        terminal.read_until("^(millrace> )?port 2: link up")
        # LAN 1's hosts hear of a new address of their router, too.
        terminal.type(vf + " mac 02:00:00:00:00:99\n")
        terminal.read_until("^(millrace> )?port 2: link up")
        # Long enough for its hosts to send their own: most of these are answers to the other LAN's.
        until(terminal, 2, "rx_packets", number_in_stats(terminal, 2, "rx_packets") + 1500)
        leave(terminal)
    assert os.listdir(tmp_path) == []


def test_ctrl_a_x_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Terminal() as terminal:
        terminal.read_until("^ready: ")
        terminal.type("\x01x")
        terminal.read_until("LAN .*LAN ")
        terminal.process.wait(timeout=120)
    assert os.listdir(tmp_path) == []


def run(*options):
    return subprocess.run([os.path.join(ROOT, "tools", "run"), *options], capture_output=True, text=True,
                          check=False, timeout=120)


@pytest.mark.parametrize("options,text", [
    ("--nic ne2000", "--nic ne2000: expected virtio, virtio-mmio, vmxnet3, e1000, e1000-82545em, e1000e or igb"),
    ("--mode l4", "--mode l4: expected l2 or l3"),
    ("--vfs 8", "--vfs 8: expected a number from 1 to 7"),
    ("--vfs two", "--vfs two: expected a number from 1 to 7"),
    ("--vfs", "--vfs wants a value"),
    ("--memory 8", "--memory 8: expected a number from 16 to "),
    ("--rate 0", "--rate 0: expected a number from 1 to "),
    ("--nic virtio-mmio --vfs 2", "--vfs needs PCI"),
    ("--nic virtio-mmio --iommu", "--iommu needs PCI"),
    ("--iso --nic virtio-mmio", "--iso needs PCI"),
    ("--fast", "--fast: no such option")])
def test_wrong_options_are_told(options, text, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    answer = run(*options.split())
    assert answer.returncode == 2 and answer.stdout == ""
    assert answer.stderr.startswith("error: " + text) and answer.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_help_names_every_option():
    answer = run("--help")
    assert answer.returncode == 0 and answer.stderr == ""
    for option in ("--mode", "--nic", "--vfs", "--iommu", "--rate", "--memory", "--iso"):
        assert len(re.findall(r"%s\b" % option, answer.stdout)) >= 1, option
    assert "set -eu" not in answer.stdout


@pytest.mark.parametrize("options", [(), ("--nic", "virtio-mmio"), ("--iommu", "--nic", "e1000")],
                         ids=["default", "microvm", "iommu"])
def test_the_monitor_that_is_suggested_shows_the_traffic(options):
    with Terminal(*options) as terminal:
        where = terminal.read_until(r"^Live rates in another terminal: tools/monitor (\S+)").group(1)
        terminal.read_until(r"^ready: 2 ports")
        run = subprocess.run([os.path.join(ROOT, "tools", "monitor"), where, "--plain", "--count", "3"],
                             capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        assert re.search(r"port 1  rx [1-9]\S* (k/s|/s), ", run.stdout), run.stdout
        until(terminal, 1, "rx_packets", 400)
        leave(terminal)
