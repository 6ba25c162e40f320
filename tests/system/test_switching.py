"""The examples of docs/switching.md as they stand there, and VLANs through a bridge on every kind of NIC (IEEE 802.1Q)."""
import os
import re

import pytest

from addresses import ARP, BROADCAST, Ether, ICMP, IP, PORT, UDP, has
from qemu import Appliance, check_law
from scapy.layers.l2 import Dot1Q

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "switching.md")


def example(heading):
    """The block below a heading."""
    with open(DOCUMENT, encoding="utf-8") as f:
        section = f.read().split("\n## %s\n" % heading, 1)[1]
    return re.search(r"^```\n(.*?)^```$", section, re.M | re.S).group(1)


def frame(src, dst, text, vid=None, prio=0):
    head = Ether(src=src, dst=dst, type=0x88b5) if vid is None else \
        Ether(src=src, dst=dst) / Dot1Q(vlan=vid, prio=prio, type=0x88b5)
    return bytes(head / text.ljust(60, b"."))


def mac(n):
    return "02:00:00:00:0a:%02x" % n


class Probe:
    """Broadcasts, each of which must come out of these wires and of no others."""

    def __init__(self, appliance):
        self.appliance = appliance
        self.count = 0

    def reaches(self, port, where, vid=None, src=1):
        """where: {port: VID or None}."""
        self.count += 1
        text = b"probe %d " % self.count
        received = self.appliance.stats()["ports"][port]["rx_packets"]
        self.appliance.wires[port].send(frame(mac(src), BROADCAST, text, vid))
        self.appliance.settled(received + 1, port)
        for number, tag in where.items():
            packet = Ether(self.appliance.wires[number].expect(lambda f: text in f))
            assert (packet[Dot1Q].vlan if Dot1Q in packet else None) == tag
        for wire in self.appliance.wires:
            assert not any(text in f for f in wire.drain(0 if where else 0.05)), wire.number


def learn(wire, station, ip, gateway):
    """ARP as a station asks it; the gateway's MAC."""
    wire.send(Ether(src=station, dst=BROADCAST) / ARP(op=1, hwsrc=station, psrc=ip, pdst=gateway))
    return Ether(wire.expect(has(ARP, op=2, psrc=gateway)))[ARP].hwsrc


def test_two_vlans_and_a_routed_uplink():
    with Appliance(nics=["virtio"] * 4, config=example("A switch with two VLANs and a routed uplink")) as appliance:
        office, other, guest, uplink = appliance.wires
        probe = Probe(appliance)
        probe.reaches(0, {1: None})
        probe.reaches(2, {})
        gateway = learn(office, mac(1), "192.168.10.2", "192.168.10.1")
        assert gateway == learn(guest, mac(2), "192.168.20.2", "192.168.20.1") == PORT[0]
        learn(uplink, mac(3), "198.51.100.1", "198.51.100.2")
        # out, and back, and from one VLAN to the other through the router
        office.send(Ether(src=mac(1), dst=gateway) / IP(src="192.168.10.2", dst="203.0.113.9") / UDP(sport=1, dport=9) / b"out")
        got = Ether(uplink.expect(has(UDP, sport=1)))
        assert (got.src, got.dst, got[IP].ttl) == (PORT[3], mac(3), 63)
        uplink.send(Ether(src=mac(3), dst=PORT[3]) / IP(src="203.0.113.9", dst="192.168.10.2") / UDP(sport=2, dport=9) / b"back")
        got = Ether(office.expect(has(UDP, sport=2)))
        assert (got.src, got.dst) == (gateway, mac(1)) and Dot1Q not in got
        office.send(Ether(src=mac(1), dst=gateway) / IP(src="192.168.10.2", dst="192.168.20.2") / UDP(sport=3, dport=9) / b"across")
        got = Ether(guest.expect(has(UDP, sport=3)))
        assert (got.src, got.dst, got[IP].ttl) == (gateway, mac(2), 63) and Dot1Q not in got
        guest.send(Ether(src=mac(2), dst=gateway) / IP(src="192.168.20.2", dst="192.168.20.1") / ICMP(id=5) / b"ping")
        assert Ether(guest.expect(has(ICMP, type=0, id=5)))[IP].src == "192.168.20.1"
        assert not any(b"across" in f for f in other.drain(0.1))
        check_law(appliance.stats())
        config = appliance.must("show config")
    with Appliance(nics=["virtio"] * 4, config=config) as again:
        assert again.must("show config") == config


@pytest.mark.parametrize("nic", ("virtio", "igb", "e1000"))
def test_a_trunk(nic):
    with Appliance(nics=[nic] * 4, config=example("A trunk to another switch")) as appliance:
        ten, twenty, out, trunk = appliance.wires
        probe = Probe(appliance)
        probe.reaches(0, {3: 10})
        probe.reaches(1, {3: 20})
        probe.reaches(2, {})                   # in br0, alone
        probe.reaches(3, {0: None}, 10, src=3)
        probe.reaches(3, {1: None}, 20, src=3)
        probe.reaches(3, {}, src=3)
        probe.reaches(3, {}, 30, src=3)
        probe.reaches(0, {}, 20)
        # sizes up to the MTU, which counts without tags, both ways; a priority goes on with the tag
        for size in (60, 1514):
            there = frame(mac(1), mac(3), b"there").ljust(size, b"x")
            ten.send(there)
            assert trunk.expect(lambda f: b"there" in f) == there[:12] + b"\x81\0\0\x0a" + there[12:]
            back = frame(mac(3), mac(1), b"back", 10, prio=6).ljust(size + 4, b"y")
            trunk.send(back)
            assert ten.expect(lambda f: b"back" in f) == back[:12] + back[16:]
        twenty.send(Ether(src=mac(2), dst=BROADCAST) / Dot1Q(vlan=0, prio=5, type=0x88b5) / b"priority".ljust(60, b"."))
        got = Ether(trunk.expect(lambda f: b"priority" in f))
        assert (got[Dot1Q].vlan, got[Dot1Q].prio) == (20, 5)
        # the same station in two VLANs; and an S-tag is payload
        table = appliance.must("show fdb")
        assert re.search(r"%s  0 +lan +10 " % mac(1), table) and re.search(r"%s  3 +lan +20 " % mac(3), table), table
        inner = frame(mac(1), mac(3), b"service", 77)
        ten.send(inner[:12] + b"\x88\xa8\0\x05" + inner[12:])
        assert trunk.expect(lambda f: b"service" in f) == inner[:12] + b"\x81\0\0\x0a\x88\xa8\0\x05" + inner[12:]
        appliance.must("bridge lan port 3 vlan 30 untagged")
        appliance.must("bridge lan port 2")
        appliance.must("bridge lan port 2 vlan 30 tagged")
        probe.reaches(3, {2: 30}, src=3)
        stats = appliance.stats()
        check_law(stats)
        assert stats["ports"][3]["drops"]["vlan"] == 2 and stats["ports"][0]["drops"]["vlan"] == 1


def test_stations_that_stay():
    with Appliance(nics=["virtio"] * 3, config=example("Stations that stay")) as appliance:
        home, thief, other = appliance.wires
        thief.send(frame(mac(2), BROADCAST, b"I am not it"))
        thief.send(frame(mac(7), BROADCAST, b"I am myself"))
        assert [f for f in other.before(frame(mac(7), BROADCAST, b"I am myself")) if b"not it" in f] == []
        other.send(frame(mac(9), mac(2), b"to it"))
        home.expect(lambda f: b"to it" in f)
        stats = appliance.stats()
        check_law(stats)
        assert stats["ports"][1]["drops"]["station_elsewhere"] == 1
        assert "sticky" in appliance.must("show fdb")


def test_many_who_need_not_meet():
    with Appliance(nics=["virtio"] * 3, config=example("A port for many who need not meet")) as appliance:
        room, other, out = appliance.wires
        probe = Probe(appliance)
        probe.reaches(0, {2: None})
        probe.reaches(1, {2: None}, src=2)
        probe.reaches(2, {0: None, 1: None}, src=3)
        room.send(frame(mac(1), mac(2), b"hello neighbor"), frame(mac(1), mac(3), b"hello world"))
        out.expect(lambda f: b"hello world" in f)
        for n in range(10, 20):     # ten more stations
            room.send(frame(mac(n), mac(3), b"many"))
            out.expect(lambda f: b"many" in f)
        assert "8 of 8 stations (3 times refused)" in appliance.must("show bridge house")
        before = appliance.stats()
        for n in range(1000):
            room.send(frame(mac(1), BROADCAST, b"storm %d" % n))
        room.send(frame(mac(1), mac(3), b"end"))
        passed = sum(b"storm" in f for f in out.before(frame(mac(1), mac(3), b"end")))
        stats = appliance.stats()
        check_law(stats)
        assert stats["ports"][0]["drops"]["isolated"] == 1
        dropped = stats["ports"][0]["drops"]["storm"] - before["ports"][0]["drops"]["storm"]
        assert passed + dropped == 1000
        assert 4 <= passed <= 50 * (stats["uptime_us"] - before["uptime_us"]) / 1e6 + 10    # and their burst


@pytest.mark.parametrize("nic", ("virtio", "igb", "e1000"))
def test_television(nic):
    """Reports as scapy makes them, of IGMPv2, IGMPv3, MLDv1 and MLDv2."""
    from scapy.contrib.igmp import IGMP
    from scapy.contrib.igmpv3 import IGMPv3, IGMPv3gr, IGMPv3mr
    from scapy.layers.inet6 import ICMPv6MLDMultAddrRec, ICMPv6MLReport, ICMPv6MLReport2, IPv6, IPv6ExtHdrHopByHop, RouterAlert

    def v2(group):
        return IP(src="192.0.2.5", dst=group, ttl=1) / IGMP(type=0x16, gaddr=group)

    def v3(group):
        return IP(src="192.0.2.5", dst="224.0.0.22", ttl=1, options=b"\x94\4\0\0") / IGMPv3(type=0x22) / \
            IGMPv3mr(records=[IGMPv3gr(rtype=4, maddr=group)])

    def mld1(group):
        return IPv6(src="fe80::5", dst=group, hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLReport(mladdr=group)

    def mld2(group):
        return IPv6(src="fe80::5", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / \
            ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=4, dst=group)], records_number=1)

    groups = ((v2, "239.1.1.1", "01:00:5e:01:01:01"), (v3, "239.1.1.2", "01:00:5e:01:01:02"),
              (mld1, "ff05::1:1", "33:33:00:01:00:01"), (mld2, "ff05::1:2", "33:33:00:01:00:02"))
    with Appliance(nics=[nic] * 3, config=example("Television for those who watch")) as appliance:
        source, viewer, other = appliance.wires
        for n, (report, group, address) in enumerate(groups):
            source.send(frame(mac(1), address, b"to all %d" % n))
            viewer.expect(lambda f: b"to all %d" % n in f)
            other.expect(lambda f: b"to all %d" % n in f)
            viewer.send(Ether(src=mac(5), dst=address) / report(group))
            while "%s, ports 1" % address not in appliance.must("show bridge lan"):
                pass
            source.send(frame(mac(1), address, b"to one %d" % n), frame(mac(1), BROADCAST, b"end %d" % n))
            viewer.expect(lambda f: b"to one %d" % n in f)
            assert not any(b"to one" in f for f in other.before(frame(mac(1), BROADCAST, b"end %d" % n)))
        assert "4 groups, 0 ports with a router, asks itself" in appliance.must("show bridge lan")
        check_law(appliance.stats())
