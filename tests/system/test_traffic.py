"""The traffic tool against a relay in Python, so that its verdicts can be trusted.

The relay plays the appliance: it forwards between two wires, and spoils what a
test tells it to spoil.
"""
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

from qemu import TRAFFIC

GATEWAYS = {0: (bytes([192, 0, 2, 1]), b"\x02\x00\x00\x00\x00\x01"),
            1: (bytes([198, 51, 100, 1]), b"\x02\x00\x00\x00\x00\x02")}
STATIONS = {0: b"\x02\x00\x00\x00\x0a\x01", 1: b"\x02\x00\x00\x00\x0b\x01"}
MAGIC = b"MLRC"


def number_of(frame):
    """The number in a blast frame, None for others and for the warm-up."""
    if frame[42:46] != MAGIC or frame[50:58] == b"\xff" * 8:
        return None
    return struct.unpack(">Q", frame[50:58])[0]


def ip_checksum(header):
    total = sum(struct.unpack(">10H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def route(side, frame):
    """What a router makes of a frame that came in at `side`."""
    header = bytearray(frame[14:34])
    header[8] -= 1
    header[10:12] = b"\0\0"
    header[10:12] = struct.pack(">H", ip_checksum(bytes(header)))
    return STATIONS[1 - side] + GATEWAYS[1 - side][1] + frame[12:14] + bytes(header) + frame[34:]


class Relay:
    forwarded = 0

    def __init__(self, folder, spoil=None, l3=False):
        self.folder, self.spoil, self.l3 = folder, spoil or (lambda n, frame: [frame]), l3
        self.sockets = []
        for name in "ab":
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.bind(os.path.join(folder, name + ".appliance"))
            s.settimeout(0.05)
            self.sockets.append(s)
        self.done = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def wires(self):
        return [word for name in "ab" for word in (
            "--" + name, "%s/%s.host,%s/%s.appliance" % (self.folder, name, self.folder, name))]

    def send(self, side, frame):
        while not self.done:
            try:
                return self.sockets[side].sendto(frame, os.path.join(self.folder, "ab"[side] + ".host"))
            except socket.timeout:
                pass
            except OSError:
                return None

    def handle(self, side, frame):
        if self.l3 and frame[12:14] == b"\x08\x06":
            address, mac = GATEWAYS[side]
            if frame[38:42] == address:
                self.send(side, frame[6:12] + mac + frame[12:20] + b"\0\2" + mac + address
                          + frame[22:32] + bytes(18))
            return
        self.forwarded += 1
        for out in self.spoil(number_of(frame), frame):
            self.send(1 - side, route(side, out) if self.l3 else out)

    def run(self):
        while not self.done:
            for s in select.select(self.sockets, [], [], 0.05)[0]:
                self.handle(self.sockets.index(s), s.recv(9216))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done = True
        self.thread.join()
        for s in self.sockets:
            s.close()


def blast(folder, *options, what="blast", **relay):
    with Relay(str(folder), **relay) as r:
        run = subprocess.run([TRAFFIC, what, *r.wires(), *options], capture_output=True, text=True, timeout=60)
    assert run.returncode in (0, 1), run.stderr
    return run.returncode, json.loads(run.stdout)


@pytest.mark.parametrize("l3", [False, True], ids=["l2", "l3"])
def test_blast_is_content_when_every_frame_arrives(tmp_path, l3):
    status, result = blast(tmp_path, "--mode", "l3" if l3 else "l2", "--frames", "3000",
                           "--sizes", "60,61,594,1514", l3=l3)
    assert status == 0
    for way in ("a_to_b", "b_to_a"):
        assert result[way]["sent"] == result[way]["received"] == 3000
        assert not any(result[way][k] for k in ("lost", "duplicated", "reordered", "changed"))


def drops(n, frame):
    return [] if n == 100 else [frame]


def duplicates(n, frame):
    return [frame, frame] if n == 100 else [frame]


def changes(n, frame):
    return [frame[:-1] + bytes([frame[-1] ^ 1])] if n == 100 else [frame]


def shortens(n, frame):
    return [frame[:-1]] if n == 100 else [frame]


class Reorders:
    """Frame 100 behind the next of its flow; there are 16 in turn."""
    held = None

    def __init__(self, behind=116):
        self.behind = behind

    def __call__(self, n, frame):
        if n == 100 and not self.held:
            self.held = frame
            return []
        if self.held and n == self.behind:
            return [frame, self.held]
        return [frame]


@pytest.mark.parametrize("spoil,what", [
    (drops, "lost"), (duplicates, "duplicated"), (changes, "changed"), (shortens, "changed"),
    (Reorders(), "reordered")], ids=["drop", "duplicate", "change", "shorten", "reorder"])
def test_blast_notices(tmp_path, spoil, what):
    status, result = blast(tmp_path, "--one-way", "--frames", "300", spoil=spoil)
    assert status == 1
    assert result["a_to_b"][what] == 1
    others = {"lost", "duplicated", "changed", "reordered"} - {what}
    assert not any(result["a_to_b"][k] for k in others)


def test_flows_may_overtake_each_other(tmp_path):
    status, result = blast(tmp_path, "--one-way", "--frames", "300", spoil=Reorders(behind=115))
    assert status == 0 and result["a_to_b"]["reordered"] == 0


def test_blast_notices_a_ttl_that_was_not_decremented(tmp_path):
    def spoil(n, frame):
        if n != 7:
            return [frame]
        return [frame[:22] + bytes([frame[22] + 1]) + frame[23:]]
    status, result = blast(tmp_path, "--one-way", "--mode", "l3", "--frames", "100", spoil=spoil, l3=True)
    assert (status, result["a_to_b"]["changed"]) == (1, 1)


def test_flood_reports_loss_and_blames_nobody(tmp_path):
    status, result = blast(tmp_path, "--one-way", "--frames", "1000", what="flood",
                           spoil=lambda n, frame: [] if n is not None and n % 2 else [frame])
    assert (status, result["a_to_b"]["lost"]) == (0, 500)


@pytest.mark.parametrize("spoil, status", [(None, 0), (lambda n, frame: [] if n == 50 else [frame], 1)])
def test_a_signal_ends_a_blast_and_nothing_under_way_is_lost(tmp_path, spoil, status):
    with Relay(str(tmp_path), spoil) as r:
        run = subprocess.Popen([TRAFFIC, "blast", *r.wires(), "--one-way", "--rate", "1000",
                                "--frames", "100000000", "--window", "1000000"], stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while r.forwarded < 100 and time.monotonic() < end:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        result = json.loads(run.communicate(timeout=60)[0])
    assert (run.returncode, result["complete"], result["a_to_b"]["lost"]) == (status, True, status)
    assert 60 <= result["a_to_b"]["received"] < 100000000


def test_lan_hosts_answer_each_other(tmp_path):
    with Relay(str(tmp_path)) as r:
        lan = subprocess.Popen([TRAFFIC, "lan", *r.wires(), "--mode", "l2", "--rate", "500"],
                               stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while r.forwarded < 600 and time.monotonic() < end:
            time.sleep(0.01)
        lan.terminate()
        lines = lan.communicate(timeout=10)[0].splitlines()
    assert lan.returncode == 0 and len(lines) == 2
    for line in lines:
        words = line.split()
        sent, answered = int(words[words.index("sent") + 1]), int(words[words.index("requests,") + 1])
        assert sent >= answered > 50, line      # some are under way when it ends, and none is lost
        assert "0 lost, 0 errors" in line


class Asker(Relay):
    """Forwards until frame 50; then takes nothing off side 0 until it is full and the station there
    has been asked twice, and goes on."""

    answers = asked = 0

    def unread(self, side):
        """Bytes that we sent and the other end has not taken yet."""
        word = fcntl.ioctl(self.sockets[side], termios.TIOCOUTQ, bytes(4))
        return struct.unpack("i", word)[0]

    def ask(self, side):
        address, mac = GATEWAYS[side]
        station = address[:3] + b"\x02"
        self.send(side, b"\xff" * 6 + mac + b"\x08\x06" b"\0\1\x08\0\6\4\0\1" + mac + address + bytes(6) + station
                  + bytes(18))
        end = time.monotonic() + 30
        while self.unread(side) and time.monotonic() < end:
            pass
        self.asked += 1

    def handle(self, side, frame):
        if side == 0 and frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2":
            self.answers += 1
        elif side == 0 and number_of(frame) == 50:
            self.wait_until_full(0)
            self.ask(0)
            self.ask(0)             # once this is taken, the first has been answered, or never will be
        super().handle(side, frame)

    def wait_until_full(self, side):
        """Only somebody who waits for room may still come in: a third socket finds none."""
        other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        other.setblocking(False)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                other.sendto(b"?", os.path.join(self.folder, "ab"[side] + ".appliance"))
            except BlockingIOError:
                break
        other.close()


def test_a_station_answers_arp_though_its_wire_is_full(tmp_path):
    """Else it is taken for dead, and what is for it is dropped."""
    with Asker(str(tmp_path)) as r:
        run = subprocess.run([TRAFFIC, "flood", *r.wires(), "--one-way", "--frames", "1000"],
                             capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert (r.asked, r.answers, result["unanswered"], result["a_to_b"]["lost"]) == (2, 2, 0, 0)
