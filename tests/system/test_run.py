"""tools/run as a user sees it: on a terminal, between two live LANs."""
import os
import pty
import re
import select
import subprocess
import time

import pytest

from qemu import CONTROL, ROOT


class Terminal:
    def __init__(self, *options):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([os.path.join(ROOT, "tools", "run"), *options], stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""

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
            self.text += CONTROL.sub("", data.decode(errors="replace"))
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


@pytest.mark.parametrize("options", [(), ("--mode", "l2"), ("--nic", "e1000"), ("--iso",)],
                         ids=["default", "l2", "e1000", "iso"])
def test_run_shows_live_traffic_and_leaves_nothing(options, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Terminal(*options) as terminal:
        terminal.read_until("To leave: poweroff, or Ctrl-A X")
        terminal.read_until(r"^ready: 2 ports, forwarding %s" % ("l2" if "l2" in options else "l3"))
        terminal.read_until("millrace> ")
        time.sleep(2)
        terminal.type("show stats json\n")
        first = int(terminal.read_until(r'"rx_packets": ?(\d+),').group(1))
        time.sleep(1)
        terminal.type("show stats json\n")
        terminal.read_until("show stats json")
        assert int(terminal.read_until(r'"rx_packets": ?(\d+),').group(1)) > first > 0
        terminal.type("poweroff\n")
        for _ in range(2):
            match = terminal.read_until(r"LAN \S+ \d+ hosts sent (\d+) requests, (\d+) answered, (\d+) lost, (\d+) err")
            sent, answered, lost, errors = map(int, match.groups())
            assert sent > 50 and answered > 0 and errors == 0, match.group(0)
        terminal.process.wait(timeout=30)
        assert terminal.process.returncode == 0
    assert os.listdir(tmp_path) == []


def test_ctrl_a_x_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Terminal() as terminal:
        terminal.read_until("^ready: ")
        terminal.type("\x01x")
        terminal.read_until("LAN .*LAN ")
        terminal.process.wait(timeout=30)
    assert os.listdir(tmp_path) == []


def test_wrong_options_are_told():
    run = subprocess.run([os.path.join(ROOT, "tools", "run"), "--nic", "ne2000"], capture_output=True, text=True,
                         check=False, timeout=30)
    assert run.returncode == 2 and "expected virtio or e1000" in run.stderr
