"""The igb ports over QEMU's own 82576: what the model in tests/models cannot prove."""
import re
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from addresses import ALICE, BOB, ROUTER, has, introduce, is_probe, probe, quiet_before_marker
from qemu import FRAME_LIMIT, Appliance, check_law
from test_e1000 import BROADCAST, device_counters, frame

NICS = ["igb", "igb"]
KEY = bytes.fromhex("6d5a") * 20


def restart(appliance, line):
    """A command that starts port 0 or 1 anew: its link is negotiated again, in half a second."""
    appliance.type(line + "\n")
    appliance.read_until("%s: link up" % line[:len("port 0")])
    assert "error:" not in appliance.transcript


def set_mtu(appliance, mtu, restarts):
    for port in range(2):
        line = "port %d mtu %d" % (port, mtu)
        restart(appliance, line) if restarts else appliance.must(line)


def queues(appliance, port, side="rx"):
    return [q["packets"] for q in appliance.stats()["ports"][port][side + "_queues"]]


# Frames ------------------------------------------------------------------------------


def test_long_frames_travel_in_chains():
    """Up to 9216 bytes without FCS, around every seam of the 2048-byte buffers (RLPML)."""
    with Appliance(nics=NICS, config="port 0 mtu 9198\nport 1 mtu 9198\nforward l2\n") as appliance:
        sizes = [60, 1514, 1518, 1519, 2047, 2048, 2049, 4096, 4097, 6144, 8191, 8192, 8193, 9018, 9215, 9216]
        for n, size in enumerate(sizes):
            sent = frame(size, n)
            appliance.wires[n % 2].send(sent)
            assert appliance.wires[1 - n % 2].receive() == sent, size
        ports = appliance.stats()["ports"]
        assert sum(p["rx_packets"] for p in ports) == len(sizes)
        assert all(p["rx_errors"] == 0 for p in ports)


def test_frame_limit_follows_the_mtu():
    """RLPML is exact to the byte at every MTU, whether the buffers change (beyond 1898) or not."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        a, b = appliance.wires
        before = 1500
        for mtu in [1600, 1898, 1899, 9000, 4000, 1500, 1000, 1500]:
            restarts = (mtu > 1898) != (before > 1898)
            set_mtu(appliance, mtu, restarts)
            before = mtu
            tagged = b"\x88\xa8\x00\x64\x81\x00\x00\x07"        # two tags are allowed on top of the MTU
            longest = frame(mtu + 14)[:12] + tagged + frame(mtu + 14)[12:]
            a.send(longest + b"x", longest, frame(64, 9))
            assert b.receive() == longest, mtu
            assert b.receive() == frame(64, 9)
        assert appliance.stats()["ports"][0]["rx_dropped"] == 0


def test_short_frames_leave_padded_with_zeros():
    """IEEE 802.3 4.2.3.3: 60 at least.  Virtio hands over shorter ones."""
    with Appliance(nics=["virtio", "igb"], config="forward l2\n") as appliance:
        appliance.wires[0].send(frame(1514))        # what might be left in a buffer
        assert appliance.wires[1].receive() == frame(1514)
        for size in (14, 15, 47, 48, 59):
            appliance.wires[0].send(frame(size))
            assert appliance.wires[1].receive() == frame(size).ljust(60, b"\0")


# Counters ----------------------------------------------------------------------------


def test_device_counters_agree_with_ours():
    """GPRC, GORC (FCS included) and lengths against what the queue saw; reading clears nothing of ours."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        device_counters(appliance, 0)
        for n in range(50):
            appliance.wires[0].send(frame(60 + n, n))
            assert appliance.wires[1].receive() == frame(60 + n, n)
        octets = sum(60 + n + 4 for n in range(50))
        for _ in range(2):
            received, sent = device_counters(appliance, 0), device_counters(appliance, 1)
            assert [received[name] for name in ("GPRC", "BPRC", "GORC", "TPR", "TOR")] == [50, 50, octets, 50, octets]
            # QEMU's sizes are without the FCS that is stripped: 60 to 63 are in none.
            assert [received[name] for name in ("PRC64", "PRC127")] == [1, 45]
            assert [sent[name] for name in ("GPTC", "BPTC", "GOTC", "TPT", "TOT")] == [50, 50, octets, 50, octets]
            assert [sent[name] for name in ("PTC64", "PTC127")] == [1, 49]
        check_law(appliance.stats())


def test_counters_survive_a_reset_of_the_chip():
    """The chip's own begin at 0 after each start; the port's go on."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        for round in range(1, 4):
            appliance.wires[0].send(frame(100, round))
            assert appliance.wires[1].receive() == frame(100, round)
            appliance.must("port 0 down")
            restart(appliance, "port 0 up")
            assert device_counters(appliance, 0)["GPRC"] == round
            assert appliance.stats()["ports"][0]["rx_packets"] == round


# Filters -----------------------------------------------------------------------------


def test_filters_follow_the_mode():
    """l2 listens to all; a router to its own address only (RCTL.UPE, RAL and RAH)."""
    config = "port 0 address 192.0.2.1/24\nforward l3\n"
    mine, other = bytes.fromhex("020000000001"), bytes.fromhex("020000000077")
    group = bytes.fromhex("01005e000009")
    with Appliance(nics=NICS, config=config) as appliance:
        def reaches(dst):
            """Whether it was received, once the broadcast behind it was."""
            before = device_counters(appliance, 0)
            appliance.wires[0].send(frame(64, dst=dst), frame(64, dst=BROADCAST))
            end = time.monotonic() + FRAME_LIMIT
            while time.monotonic() < end:
                after = device_counters(appliance, 0)
                if after["BPRC"] > before["BPRC"]:
                    return after["GPRC"] - before["GPRC"] == 2
            raise AssertionError("the broadcast did not come")
        assert reaches(mine) and not reaches(other) and not reaches(group)
        appliance.must("port 0 mac 02:00:00:00:00:77")
        assert reaches(other) and not reaches(mine)
        appliance.must("forward l2")
        assert reaches(mine) and reaches(other) and reaches(group)


def test_access_port_of_a_vlan():
    """Tagged on the wire, untagged behind it; other VLANs and untagged frames stay outside."""
    with Appliance(nics=NICS, config="port 0 vlan 5\nforward l2\n") as appliance:
        a, b = appliance.wires

        def tagged(vid, n, priority=0):
            bare = frame(100, n)
            return bare[:12] + b"\x81\x00" + (priority << 13 | vid).to_bytes(2, "big") + bare[12:]

        def passes(sent, expected):
            """Whether it comes out on wire 1 as expected, and not only the one behind it."""
            a.send(sent, tagged(5, 99))
            got = b.receive()
            if got == frame(100, 99):
                return False
            assert got == expected and b.receive() == frame(100, 99)
            return True

        assert passes(tagged(5, 1), frame(100, 1))
        assert passes(tagged(5, 2, priority=7), frame(100, 2))
        for vid in (0, 4, 6, 37, 4094):
            assert not passes(tagged(vid, 3), None), vid
        assert not passes(frame(100, 4), None)
        assert appliance.stats()["ports"][0]["drops"]["vlan"] == 6
        for n, size in enumerate((60, 100, 1514, 1518)):
            b.send(frame(size, n))
            sent = frame(size, n)
            assert a.receive() == sent[:12] + b"\x81\x00\x00\x05" + sent[12:], size
        # In and out, and another one, while it runs.
        appliance.must("port 0 vlan 4094")
        a.send(tagged(5, 6), tagged(4094, 7))
        assert b.receive() == frame(100, 7)
        b.send(frame(100, 8))
        assert a.receive() == tagged(4094, 8)
        appliance.must("port 0 vlan 0")
        for sent in (tagged(5, 9), tagged(4094, 10), frame(100, 11)):
            a.send(sent)
            assert b.receive() == sent
            b.send(sent)
            assert a.receive() == sent


# Several queues ----------------------------------------------------------------------


def toeplitz(data, secret=KEY):
    """The hash of Microsoft's receive side scaling, with the driver's key."""
    result, key = 0, int.from_bytes(secret, "big")
    for n, byte in enumerate(data):
        for bit in range(8):
            if byte & 0x80 >> bit:
                result ^= key >> len(secret) * 8 - 32 - n * 8 - bit & 0xffffffff
    return result


# Microsoft, "Verifying the RSS hash calculation": source, destination, ports, and the hashes without and with ports.
MICROSOFT_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
KNOWN = [("66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178),
         ("199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea),
         ("24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a),
         ("38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f),
         ("153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2)]


def hashed(packet):
    """What of the packet goes into the hash."""
    ip = packet[IP] if IP in packet else packet[IPv6]
    raw = bytes(ip)
    addresses = raw[12:20] if IP in packet else raw[8:40]
    if UDP in packet or TCP in packet:
        upper = packet[UDP] if UDP in packet else packet[TCP]
        return addresses + upper.sport.to_bytes(2, "big") + upper.dport.to_bytes(2, "big")
    return addresses


def flows():
    for source, destination, sport, dport, _, _ in KNOWN:
        yield IP(src=source, dst=destination) / TCP(sport=sport, dport=dport)
        yield IP(src=source, dst=destination) / ICMP()
    for n in range(24):
        ip4 = IP(src="10.0.0.%d" % (n + 1), dst="10.1.%d.9" % n)
        ip6 = IPv6(src="2001:db8::%x" % (n + 1), dst="2001:db8:1::%x" % (3 * n + 1))
        yield from (ip4 / UDP(sport=1000 + n, dport=53) / b"x", ip4 / TCP(sport=7 * n + 1, dport=80), ip4 / ICMP(),
                    ip6 / UDP(sport=99, dport=2000 + n) / b"x", ip6 / TCP(sport=5 * n + 2, dport=443))


@pytest.mark.parametrize("count", [2, 3, 8])
def test_flows_spread_over_queues_and_stay(count):
    """Each flow is on the queue that its hash says (RETA, RSSRK), again and again."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        restart(appliance, "port 0 queues %d" % count)
        expected = [0] * count
        for flow in flows():
            sent = bytes(Ether(src="02:00:00:00:0a:02", dst="ff:ff:ff:ff:ff:ff") / flow).ljust(60, b"\0")
            for _ in range(2):
                appliance.wires[0].send(sent)
                assert appliance.wires[1].receive() == sent
            expected[toeplitz(hashed(flow)) % 128 % count] += 2
        assert queues(appliance, 0) == expected
        assert all(packets > 10 for packets in expected)        # the flows above were chosen well enough
        appliance.wires[0].send(frame(60, 1))
        assert appliance.wires[1].receive() == frame(60, 1)     # what is no IP: the first queue
        assert queues(appliance, 0)[0] == expected[0] + 1


def test_the_hash_by_which_the_queues_are_judged_is_microsofts():
    for source, destination, sport, dport, ip, tcp in KNOWN:
        flow = IP(src=source, dst=destination) / TCP(sport=sport, dport=dport)
        assert toeplitz(hashed(flow), MICROSOFT_KEY) == tcp
        assert toeplitz(hashed(flow)[:8], MICROSOFT_KEY) == ip


def turned(flow):
    """The answer: addresses and ports the other way round."""
    back = flow.copy()
    ip = back[IP] if IP in back else back[IPv6]
    ip.src, ip.dst = ip.dst, ip.src
    if UDP in back or TCP in back:
        upper = back[UDP] if UDP in back else back[TCP]
        upper.sport, upper.dport = upper.dport, upper.sport
    return back


def test_both_directions_of_a_flow_share_a_queue():
    """The key repeats every 16 bits, so that swapped addresses and ports change nothing."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        restart(appliance, "port 0 queues 4")
        before, hit = queues(appliance, 0), set()
        for flow in flows():
            for packet in (flow, turned(flow)):
                sent = bytes(Ether(src="02:00:00:00:0a:02", dst=BROADCAST) / packet).ljust(60, b"\0")
                appliance.wires[0].send(sent)
                assert appliance.wires[1].receive() == sent
            after = queues(appliance, 0)
            assert sorted(b - a for a, b in zip(before, after)) == [0, 0, 0, 2], flow.summary()
            hit.add([b - a for a, b in zip(before, after)].index(2))
            before = after
        assert hit == {0, 1, 2, 3}


def test_counts_stay_when_queues_go():
    """apps/forward/stats.h: counters never go back, whatever the number of queues."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        restart(appliance, "port 0 queues 8")
        sent = 0
        for count in (3, 1, 8, 1):
            for flow in flows():
                data = bytes(Ether(src="02:00:00:00:0a:02", dst="ff:ff:ff:ff:ff:ff") / flow).ljust(60, b"\0")
                appliance.wires[0].send(data)
                assert appliance.wires[1].receive() == data
                sent += 1
            assert appliance.stats()["ports"][0]["rx_packets"] == sent
            restart(appliance, "port 0 queues %d" % count)
            ports = appliance.stats()["ports"]
            assert ports[0]["rx_packets"] == sent and len(ports[0]["rx_queues"]) == count
        assert appliance.stats()["ports"][1]["tx_packets"] == sent


# Checksums ---------------------------------------------------------------------------


def test_wrong_ip_checksums_are_dropped():
    """IPCS and IPE of the descriptor, with and without options; RFC 1812 5.2.2."""
    with Appliance(nics=NICS, config=ROUTER) as appliance:
        introduce(appliance, ALICE, BOB)
        a, b = appliance.wires
        for n, fields in enumerate([{}, {"options": b"\x01\x01\x01\x00"}]):
            good = bytes(ALICE.to_router(dst=BOB.ip, **fields) / probe(n))
            bad = bytearray(good)
            bad[24] ^= 0x40
            a.send(bytes(bad), good)
            got = Ether(b.expect(is_probe(n)))
            assert got[IP].ttl == 63
            check = got[IP].chksum
            del got[IP].chksum
            assert Ether(bytes(got))[IP].chksum == check
            assert appliance.stats()["ports"][0]["drops"]["ip_checksum"] == n + 1
        assert [f for f in quiet_before_marker(appliance)[1] if IP in Ether(f)] == []


# Link, start and stop -------------------------------------------------------------------


def test_cable():
    """STATUS.LU follows QEMU's set_link; traffic flows again afterwards."""
    with Appliance(nics=NICS, config="forward l2\n") as appliance:
        appliance.monitor("set_link", name="net0", up=False)
        appliance.read_until("port 0: link down")
        assert appliance.stats()["ports"][0]["link"] == "down"
        appliance.monitor("set_link", name="net0", up=True)
        appliance.read_until("port 0: link up, 1000 Mb/s full duplex")
        appliance.wires[0].send(frame(100))
        assert appliance.wires[1].receive() == frame(100)


def test_down_and_up_fifty_times():
    """A port gives everything back each time: the packets of the pool would not last otherwise."""
    with Appliance(nics=NICS, config="port 0 queues 4\nforward l2\n") as appliance:
        for n in range(50):
            appliance.must("port 0 down")
            appliance.must("port 0 up")
        appliance.must("port 0 down")
        restart(appliance, "port 0 up")
        appliance.wires[0].send(frame(100, 1))
        assert appliance.wires[1].receive() == frame(100, 1)
        assert "igb" not in "\n".join(line for line in appliance.transcript.split("\n") if "after" in line)


# Behind an IOMMU ------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", ",aw-bits=39", ",caching-mode=on", ",x-scalable-mode=on,x-flts=on"])
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_forwards_behind_an_iommu(mode, options):
    config = {"l2": "forward l2\n", "l3": ROUTER}[mode]
    with Appliance(nics=NICS, config=config, append="iommu=strict", plugged=False,
                   before=["-device", "intel-iommu" + options]) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "3000",
                                           "--sizes", "60,64,65,590,1514")
        assert status == 0, result
        check_law(appliance.stats())
        assert re.findall(r"^\d+ +\S+ +(\w+) ", appliance.must("show iommu"), re.M) == ["fenced", "fenced"]
        assert "fault" not in appliance.must("show log").replace("faults", "")
        appliance.must("port 0 down")
        assert re.search(r"^0 +\S+ +fenced +\S+ +0 ", appliance.must("show iommu"), re.M)
