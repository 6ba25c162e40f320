"""Files in and out by TFTP, from and to a server on a port's wire."""
import contextlib

import pytest
from scapy.all import rdpcap

import tftp_server
from qemu import Appliance, check_law
from test_capture import frames, pcap_bytes
from tftp_server import TftpServer

CONFIG = """\
port 0 address 192.0.2.1/24
port 0 address 2001:db8::1/64
forward l3
"""


@contextlib.contextmanager
def served(files, **options):
    with Appliance(nics=("virtio", "virtio"), config=CONFIG, memory=128) as m:
        server = TftpServer(m.wires[0], files, **options)
        server.start()
        try:
            yield m, server
        finally:
            server.ends = True
            server.join()
        assert server.error is None


@pytest.mark.parametrize("address", [tftp_server.V4, tftp_server.V6], ids=["ipv4", "ipv6"])
def test_a_capture_file_comes_is_replayed_and_goes(tmp_path, address):
    sent = frames(300)
    data = pcap_bytes(str(tmp_path), sent)
    with served({"lab/pool.pcap": data}) as (m, server):
        if ":" in address:      # an address is used when nobody answered for it
            for _ in range(200):
                if "tentative" not in m.must("show port 0"):
                    break
        assert "pool.pcap: %d bytes from %s in " % (len(data), address) in m.must("file get %s lab/pool.pcap" % address)
        assert "%d  pool.pcap  (made here)" % len(data) in m.must("show files")
        m.must("forward io")
        m.must("port add pcap tx back number 3")
        m.must("port add pcap rx pool.pcap number 2")
        m.settled(300, port=2)
        m.must("port delete 2")
        m.must("port delete 3")
        m.must("forward l3")
        assert "back: " in m.must("file put %s back as out/back.pcap" % address)
        assert server.block_sizes == {1228 if ":" in address else 1428}
        (tmp_path / "back").write_bytes(server.files["out/back.pcap"])
        assert [bytes(p) for p in rdpcap(str(tmp_path / "back"))] == [bytes(p) for p in sent]
        check_law(m.stats())


def test_a_server_without_options_and_a_wire_that_loses():
    data = bytes(i * 7 % 251 for i in range(20 * 512))
    with served({"data": data}, options=False, lose=7) as (m, server):
        m.must("file get %s data" % tftp_server.V4)
        m.must("file put %s data as copy" % tftp_server.V4)
        assert server.files["copy"] == data
        assert server.said > 2 * 21


def test_what_the_server_says_is_told_and_silence_too():
    with served({}) as (m, server):
        assert m.command("file get %s nope" % tftp_server.V4) == \
            "error: get 'nope' from %s: the server says: no such file here (1)\n" % tftp_server.V4
        assert "no route to 203.0.113.9" in m.command("file get 203.0.113.9 nope")
        assert "there is no file 'nope'" in m.command("file put %s nope" % tftp_server.V4)
        m.type("file get 192.0.2.77 nope\r")
        m.type("\003")
        m.read_until("error: get 'nope' from 192.0.2.77: interrupted")
        assert "none" in m.must("show files")
