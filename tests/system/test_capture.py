"""pcap ports and captures in the image: files in by an archive, out by tools/fetch over a console of its own."""
import os
import shutil
import socket
import subprocess
import threading

import pytest
from scapy.all import Ether, IP, UDP, RawPcapNgReader, rdpcap, wrpcap

from qemu import ROOT, Appliance, check_law

FETCH = os.path.join(ROOT, "tools", "fetch")


def frames(count, **udp):
    return [Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") / IP(src="192.0.2.1", dst="198.51.100.2")
            / UDP(**udp) / bytes([i % 251] * (20 + i % 1400)) for i in range(count)]


def archive(folder, **files):
    """A cpio archive with these files."""
    out = b""
    for number, (name, data) in enumerate([*files.items(), ("TRAILER!!!", b"")]):
        fields = (number + 1, 0o100644 if data else 0, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        entry = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += entry + bytes(-len(entry) % 4) + data + bytes(-len(data) % 4)
    path = os.path.join(folder, "files.cpio")
    with open(path, "wb") as f:
        f.write(out)
    return path


def pcap_bytes(folder, packets, **options):
    path = os.path.join(folder, "made.pcap")
    wrpcap(path, packets, **options)
    with open(path, "rb") as f:
        return f.read()


def machine(folder, files, **options):
    """With a second console for tools/fetch, at a socket."""
    second = os.path.join(folder, "second")
    return second, Appliance(
        nics=options.pop("nics", ()), memory=128,
        extra=["-initrd", files, "-device", "virtio-serial-pci", "-chardev",
               "socket,id=second,path=%s,server=on,wait=off" % second, "-device", "virtconsole,chardev=second"],
        **options)


def fetch(console, name, path, *options):
    run = subprocess.run([FETCH, console, name, "-o", path, *options], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    with open(path, "rb") as f:
        return f.read()


def test_what_is_replayed_comes_out_as_it_went_in(tmp_path):
    sent = frames(500)
    folder = str(tmp_path)
    big = pcap_bytes(folder, sent, endianness=">", nano=True)
    cut = pcap_bytes(folder, sent)[:-10]
    path = archive(folder, big=big, cut=cut)
    console, m = machine(folder, path)
    with m:
        assert "frame 500: cut off" in m.command("port add pcap rx cut")
        m.must("forward io")        # what is replayed while forwarding is stopped is dropped
        assert "port 1: pcap" in m.must("port add pcap tx out limit 2000000 number 1")
        m.must("capture start 1 limit 2000000")
        assert "port 0: pcap" in m.must("port add pcap rx big tx back number 0")
        m.settled(500)
        assert "500 frames, 0 lost" in m.must("capture stop")
        m.must("stop")
        check_law(m.stats())
        m.must("port delete 1")
        out = fetch(console, "out", str(tmp_path / "out.pcap"))
        fetch(console, "capture.pcapng", str(tmp_path / "capture.pcapng"))
        # A copy that was broken off goes on where it ended.
        (tmp_path / "part").write_bytes(out[:12345])
        assert fetch(console, "out", str(tmp_path / "part"), "--resume") == out
        assert [bytes(p) for p in rdpcap(str(tmp_path / "out.pcap"))] == [bytes(p) for p in sent]
        captured = list(RawPcapNgReader(str(tmp_path / "capture.pcapng")))
        assert [data for data, _ in captured] == [bytes(p) for p in sent]
        assert "made here" in m.must("show files")


class Noise(threading.Thread):
    """Between the script and a console: spoils a byte now and then."""

    def __init__(self, path, console):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.console, self.spoilt = console, 0

    def run(self):
        near = self.server.accept()[0]
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.console)
        threading.Thread(target=self.up, args=(near, far), daemon=True).start()
        count = 0
        while data := bytearray(far.recv(4096)):
            for i in range(len(data)):
                count += 1
                if count % 4093 == 0 and data[i] > 64:
                    data[i] ^= 1
                    self.spoilt += 1
            near.sendall(data)

    @staticmethod
    def up(near, far):
        while data := near.recv(4096):
            far.sendall(data)


def test_spoilt_lines_are_asked_for_again(tmp_path):
    data = pcap_bytes(str(tmp_path), frames(300))
    console, m = machine(str(tmp_path), archive(str(tmp_path), data=data))
    with m:
        noise = Noise(str(tmp_path / "noise"), console)
        noise.start()
        assert fetch(str(tmp_path / "noise"), "data", str(tmp_path / "copy")) == data
        assert noise.spoilt > 0


def test_a_filter_of_tcpdump_and_drops_with_their_reason(tmp_path):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed: tools/setup")
    program = subprocess.run([os.path.join(ROOT, "tools", "capture-filter"), "udp dst port 53 and greater 100"],
                             capture_output=True, text=True, check=True).stdout.strip()
    sent = frames(100, dport=53) + frames(100, dport=54)
    console, m = machine(str(tmp_path), archive(str(tmp_path), data=pcap_bytes(str(tmp_path), sent)))
    with m:
        m.must("forward io")
        m.must("port add null number 1")
        m.must("capture start 1 filter " + program)
        m.must("port add pcap rx data number 0")
        m.settled(200)
        wanted = [bytes(p) for p in sent if p[UDP].dport == 53 and len(p) >= 100]
        assert "%d frames, 0 lost, %d filtered out" % (len(wanted), 200 - len(wanted)) in m.must("capture stop")
        fetch(console, "capture.pcapng", str(tmp_path / "filtered"))
        assert [data for data, _ in RawPcapNgReader(str(tmp_path / "filtered"))] == wanted
        m.must("capture start drops file dropped")
        m.must("port delete 1")
        m.must("clear stats")
        m.must("port stop 0")
        m.must("port start 0")
        m.settled(200)
        m.must("capture stop")
        text = fetch(console, "dropped", str(tmp_path / "dropped"))
        assert text.count(b"no_peer: no other port to send to, port 0") == 200


def test_a_live_view_ends_with_whoever_shows_it(tmp_path):
    """tools/wireshark, with tcpdump in the window's place; frames stop coming, and it ends all the same."""
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed: tools/setup")
    sent = frames(40, dport=53)
    console, m = machine(str(tmp_path), archive(str(tmp_path), data=pcap_bytes(str(tmp_path), sent)))
    with m:
        m.must("forward io")
        m.must("port add null number 1")
        view = subprocess.Popen([os.path.join(ROOT, "tools", "wireshark"), console, "1", "udp", "port", "53"],
                                env={**os.environ, "WIRESHARK": "tcpdump -n -c 40 -r -"}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while "capture of port 1" not in m.must("capture show"):
            assert view.poll() is None, view.stderr.read()
        m.must("port add pcap rx data number 0")
        text, told = view.communicate(timeout=300)
        assert text.count("192.0.2.1.53 > 198.51.100.2.53: ") == 40, (text, told)
        assert "stopped, 40 frames, 0 lost" in m.must("capture show")


def test_a_flooded_capture_loses_only_what_it_says(tmp_path):
    """Frames go round two rings on two workers; the file is soon full."""
    with Appliance(nics=(), extra=["-smp", "2"]) as m:
        m.must("port add ring")
        m.must("port add ring")
        m.must("forward io")
        before = {p["port"]: p for p in m.stats()["ports"]}[0]
        assert before["rx_packets"] == 0
        m.must("capture start 0 limit 100000")
        m.must("start tx_first 8")
        m.until(lambda stats: all(p["rx_packets"] > 10000 for p in stats["ports"] if p["port"] == 0))
        m.must("stop")
        m.let_pass(20000)
        stats = m.stats()
        port = {p["port"]: p for p in stats["ports"]}[0]
        said = m.must("capture stop")
        kept, lost = (int(said.split(word)[0].split()[-1]) for word in (" frames", " lost"))
        assert kept > 0 and lost > 0
        assert kept + lost == port["rx_packets"] + port["tx_packets"]
        check_law(stats)
