"""tools/monitor: against a console that says what a test wants, and against the real image."""
import csv
import importlib.util
import json
import os
import socket
import subprocess
import threading
import tty

import pytest

from qemu import ROOT, Appliance

MONITOR = os.path.join(ROOT, "tools", "monitor")
TYPED = b"\x15show stats json\n"


def stats(uptime, *ports, cores=((0, 0, 0, 0),), forwarding="l3"):
    """ports: (number, received, dropped by blackhole, MAC's last octet)"""
    names = ("rx_bytes", "tx_packets", "tx_bytes", "tx_dropped", "rx_errors", "rx_missed")
    return {"uptime_us": uptime, "forwarding": forwarding,
            "ports": [{"port": n, "driver": "virtio", "bdf": None, "mac": "02:00:00:00:00:%02x" % mac, "link": "up",
                       "rx_packets": rx, "rx_dropped": drops, "drops": {"blackhole": drops} if drops else {},
                       **dict.fromkeys(names, 0)} for n, rx, drops, mac in ports],
            "cores": [dict(zip(("core", "packets", "busy_cycles", "idle_cycles"), core), role="worker") for core in cores]}


class FakeConsole(threading.Thread):
    """Answers each `show stats json` with the next of `answers`: statistics, bytes as they are, or None: it hangs up."""

    def __init__(self, listener, answers):
        super().__init__(daemon=True)
        self.listener, self.answers, self.typed = listener, list(answers), b""

    def run(self):
        while self.answers:
            near = self.listener()
            self.talk(near)
            near.close()

    def talk(self, near):
        heard = b""
        while data := near.recv(4096):
            self.typed += data
            heard += data
            while TYPED in heard:
                heard = heard.split(TYPED, 1)[1]
                answer = self.answers.pop(0) if self.answers else None
                if answer is None:
                    return
                near.sendall(answer if isinstance(answer, bytes) else text_of(answer))


def text_of(answer):
    return b"show stats json\r\n" + json.dumps(answer).encode() + b"\r\nmillrace> "


class Device:
    """A serial device's other end, as a socket is."""

    def __init__(self, fd):
        self.fd = fd

    def recv(self, n):
        try:
            return os.read(self.fd, n)
        except OSError:
            return b""

    def sendall(self, data):
        os.write(self.fd, data)

    def close(self):
        pass


def serve(kind, folder, answers):
    """(what CONSOLE is, the fake)"""
    if kind == "device":
        master, slave = os.openpty()
        tty.setraw(slave)
        where, listener = os.ttyname(slave), lambda: Device(master)
    else:
        s = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        where = os.path.join(folder, "console")
        s.bind(where if kind == "unix" else ("127.0.0.1", 0))
        s.listen()
        where = where if kind == "unix" else "127.0.0.1:%d" % s.getsockname()[1]
        listener = lambda: s.accept()[0]
    fake = FakeConsole(listener, answers)
    fake.start()
    return where, fake


def monitor(where, *options, env=None):
    return subprocess.run([MONITOR, where, "--interval", "0.1", *options], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(env or {})})


def rows(path):
    """{(uptime_us, kind, number, counter): (total, per second)}"""
    with open(path, encoding="utf-8") as file:
        return {(int(r["uptime_us"]), r["kind"], int(r["number"]), r["counter"]): (int(r["total"]), r["per_second"])
                for r in csv.DictReader(file)}


@pytest.mark.parametrize("kind", ["unix", "tcp", "device"])
def test_rates_are_differences_by_the_appliances_clock(tmp_path, kind):
    where, fake = serve(kind, str(tmp_path), [
        stats(1000000, (0, 100, 0, 1), cores=((0, 0, 0, 0),)),
        stats(3000000, (0, 1100, 30, 1), cores=((0, 500, 300, 100),))])
    run = monitor(where, "--plain", "--count", "2", "--csv", str(tmp_path / "out.csv"))
    assert run.returncode == 0, run.stderr
    seen = rows(tmp_path / "out.csv")
    assert seen[1000000, "port", 0, "rx_packets"] == (100, "")
    assert seen[3000000, "port", 0, "rx_packets"] == (1100, "500")
    assert seen[3000000, "port", 0, "rx_dropped"] == (30, "15")
    assert seen[3000000, "core", 0, "packets"] == (500, "250")
    assert seen[3000000, "core", 0, "busy"] == (300, "0.75")
    assert "port 0  rx 500 /s, 0 bit/s  tx 0 /s, 0 bit/s  dropped 15 /s" in run.stdout
    assert "core 0  busy 75 %" in run.stdout
    assert fake.typed.startswith(b"\x15page off\n")


def test_log_lines_partial_lines_and_telnets_words_are_no_statistics(tmp_path):
    whole = json.dumps(stats(2000000, (0, 7, 0, 1))).encode()
    where, _ = serve("unix", str(tmp_path), [
        b"\xff\xfb\x01\xff\xfb\x03\r\nport 1: link {down}\r\n" + text_of(stats(1000000, (0, 5, 0, 1))) + b"port 1: li",
        b"nk up\r\n" + whole[:40] + b"\r\nport 1: link down\r\n" + whole[40:] + b"\r\n",     # spoilt by a line between
        b"millrace> show sta\x1b[K\r\nport 2: link up\r\nmillrace> show stats json\r\n" + whole + b"\r\n"])
    run = monitor(where, "--plain", "--count", "2", "--csv", str(tmp_path / "out.csv"))
    assert run.returncode == 0, run.stderr
    seen = rows(tmp_path / "out.csv")
    assert seen[2000000, "port", 0, "rx_packets"] == (7, "2")
    assert {key[0] for key in seen} == {1000000, 2000000}


def test_counters_that_are_cleared_ports_that_go_and_a_machine_that_starts_again(tmp_path):
    where, _ = serve("unix", str(tmp_path), [
        stats(1000000, (0, 1000, 0, 1), (1, 50, 0, 2)),
        stats(2000000, (0, 40, 0, 1), (1, 60, 0, 2)),       # clear stats: 40 since then
        stats(3000000, (0, 50, 0, 1)),                      # port 1 goes
        stats(4000000, (0, 50, 0, 1), (1, 500, 0, 3)),      # and another has its number
        stats(500000, (0, 3, 0, 1), (1, 5, 0, 3)),          # reboot
        stats(1500000, (0, 5, 0, 1), (1, 5, 0, 3))])
    run = monitor(where, "--plain", "--count", "6", "--csv", str(tmp_path / "out.csv"))
    assert run.returncode == 0, run.stderr
    seen = rows(tmp_path / "out.csv")
    assert seen[2000000, "port", 0, "rx_packets"] == (40, "40")
    assert seen[2000000, "port", 1, "rx_packets"] == (60, "10")
    assert (3000000, "port", 1, "rx_packets") not in seen
    assert seen[4000000, "port", 1, "rx_packets"] == (500, "")
    assert seen[500000, "port", 0, "rx_packets"] == (3, "")
    assert seen[1500000, "port", 0, "rx_packets"] == (5, "2")


def test_it_comes_back_when_the_console_does(tmp_path):
    where, fake = serve("unix", str(tmp_path), [
        stats(1000000, (0, 1, 0, 1)), None, None, stats(2000000, (0, 3, 0, 1))])
    run = monitor(where, "--plain", "--count", "2", "--csv", str(tmp_path / "out.csv"))
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("the console is gone: trying again") == 2
    assert rows(tmp_path / "out.csv")[2000000, "port", 0, "rx_packets"] == (3, "2")
    assert fake.typed.count(b"page off") == 3


def test_what_is_not_installed_is_told(tmp_path):
    for name in ("rich", "matplotlib"):
        (tmp_path / ("no_" + name)).mkdir()
        (tmp_path / ("no_" + name) / (name + ".py")).write_text("raise ImportError\n")
    for name, options in (("rich", ()), ("matplotlib", ("--plain", "--plot", "x.svg"))):
        run = monitor("/nowhere", *options, env={"PYTHONPATH": str(tmp_path / ("no_" + name))})
        assert run.returncode == 1
        assert "sudo apt-get install python3-%s" % name in run.stderr
        assert "Traceback" not in run.stderr


def test_the_picture_shows_ports_cores_and_drops(tmp_path):
    pytest.importorskip("rich")
    where, _ = serve("unix", str(tmp_path), [
        stats(1000000, (0, 100, 0, 1), cores=((0, 0, 0, 0),)),
        stats(2000000, (0, 5100, 1234, 1), cores=((0, 9, 1, 3),))])
    run = monitor(where, "--count", "2", "--picture", str(tmp_path / "picture.svg"))
    assert run.returncode == 0, run.stderr
    for wanted in ("forwarding l3", "5.00 k", "1.23 k", "blackhole", "1234", "25 %"):
        assert wanted in run.stdout, run.stdout
    picture = (tmp_path / "picture.svg").read_text()
    assert "blackhole" in picture and "@font-face" not in picture


@pytest.mark.parametrize("kind,begin", [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_plot_is_drawn_at_the_end(tmp_path, kind, begin):
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("python3-matplotlib is not installed: it is large, and only --plot wants it")
    where, _ = serve("unix", str(tmp_path), [stats(n * 1000000, (0, n * n * 10, n, 1)) for n in range(1, 5)])
    path = tmp_path / ("plot." + kind)
    run = monitor(where, "--plain", "--count", "4", "--plot", str(path))
    assert run.returncode == 0, run.stderr
    data = path.read_bytes()
    assert data.startswith(begin) and len(data) < 100 * 1024
    if kind == "svg":
        for label in (b"port 0 rx", b"port 0 blackhole", b"busy share"):
            assert label in data
    wrong = monitor(where, "--plain", "--plot", "plot.gif")
    assert wrong.returncode == 1 and "ends in .svg or .png" in wrong.stderr


def test_a_terminal_of_ones_own_disturbs_nobody(tmp_path):
    """Traffic flows, somebody types at the first console, the monitor looks over the second."""
    second = str(tmp_path / "second")
    with Appliance(nics=("virtio", "virtio"), config="forward io\n",
                   extra=["-device", "virtio-serial-pci", "-chardev", "socket,id=second,path=%s,server=on,wait=off" % second,
                          "-device", "virtconsole,chardev=second"]) as m:
        frame = bytes.fromhex("020000000002 020000000009 88b5") + bytes(50)
        m.type("show ver")
        m.read_until("show ver")
        run = subprocess.Popen([MONITOR, second, "--plain", "--count", "4", "--csv", str(tmp_path / "out.csv")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        count = 0
        while run.poll() is None and count < 20000:
            m.wires[0].send(frame)
            m.wires[1].expect(lambda got: got == frame)
            count += 1
        out, err = run.communicate(timeout=180)
        assert run.returncode == 0, err
        m.type("sion\n")
        text = m.read_until(r"(.*?)commit ").group(1)
        assert "stats" not in text and "error" not in text, text
        seen = [r for r in csv.DictReader(open(tmp_path / "out.csv", encoding="utf-8"))]
        of_port = [r for r in seen if r["kind"] == "port" and r["number"] == "0" and r["counter"] == "rx_packets"]
        assert len(of_port) == 4
        totals = [int(r["total"]) for r in of_port]
        assert totals == sorted(totals) and 0 < totals[-1] <= count
        for before, after in zip(of_port, of_port[1:]):
            seconds = (int(after["uptime_us"]) - int(before["uptime_us"])) / 1e6
            wanted = (int(after["total"]) - int(before["total"])) / seconds
            assert abs(float(after["per_second"]) - wanted) <= 1e-4 * wanted + 1e-9
        assert "port 1  rx " in out
