"""The configurations of docs/routing.md, as they stand there: each does what the page says."""
import os
import re

from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptPrefixInfo, IPv6)
from scapy.layers.l2 import Dot1Q

from addresses import ARP, BROADCAST, Ether, ICMP, IP, PORT, UDP, has, is_arp_request_for
from qemu import Appliance, check_law

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "routing.md")
HOST, OTHER, GATE, GATE2 = "02:00:00:00:0a:02", "02:00:00:00:0b:02", "02:00:00:00:0c:01", "02:00:00:00:0d:01"


def example(heading):
    """The first block of code below the heading."""
    with open(PAGE, encoding="utf-8") as page:
        text = page.read().split("### %s\n" % heading)[1]
    block = re.search(r"\n\n((?:    .*\n)+)", text).group(1)
    return "".join(line[4:] + "\n" for line in block.splitlines())


def tagged(src, vid):
    return Ether(src=src, dst=PORT[0]) / Dot1Q(vlan=vid)


def hold(wire, mac, ip, ours, vid=None):
    """Somebody asks for the router, which learns who he is by that."""
    head = Ether(src=mac, dst=BROADCAST) / Dot1Q(vlan=vid) if vid else Ether(src=mac, dst=BROADCAST)
    wire.send(bytes(head / ARP(op=1, hwsrc=mac, psrc=ip, pdst=ours)).ljust(64, b"\0"))
    wire.expect(has(ARP, op=2, psrc=ours))


def has_text(text):
    return lambda frame: text in frame


def test_router_on_a_stick():
    with Appliance(nics=["virtio"], config=example("Router on a stick")) as router:
        wire = router.wires[0]
        hold(wire, HOST, "192.0.2.2", "192.0.2.1", 10)
        hold(wire, OTHER, "192.0.2.130", "192.0.2.129", 20)
        hold(wire, GATE, "203.0.113.1", "203.0.113.2", 99)
        wire.send(tagged(HOST, 10) / IP(src="192.0.2.2", dst="192.0.2.130") / UDP() / b"to the other LAN")
        got = Ether(wire.expect(lambda f: b"to the other LAN" in f and f[:6] != bytes.fromhex(PORT[0].replace(":", ""))))
        assert (got.dst, got[Dot1Q].vlan, got[IP].ttl) == (OTHER, 20, 63)
        wire.send(tagged(OTHER, 20) / IP(src="192.0.2.130", dst="8.8.8.8") / UDP() / b"to the provider")
        got = Ether(wire.expect(lambda f: b"to the provider" in f))
        assert (got.dst, got[Dot1Q].vlan) == (GATE, 99)
        wire.send(tagged(GATE, 99) / IP(src="8.8.8.8", dst="192.0.2.130") / UDP() / b"and back")
        got = Ether(wire.expect(lambda f: b"and back" in f))
        assert (got.dst, got[Dot1Q].vlan) == (OTHER, 20)
        wire.send(tagged(HOST, 10) / IP(src="192.0.2.140", dst="8.8.8.8") / UDP() / b"spoofed",
                  tagged(HOST, 10) / IP(src="192.0.2.2", dst="8.8.8.8") / UDP() / b"honest")
        assert not [f for f in wire.before(has_text(b"honest")) if b"spoofed" in f]
        assert router.stats()["ports"][0]["drops"]["reverse_path"] == 1
        check_law(router.stats())


def answer_solicitation(wire, address, mac):
    """The router looks for `address`; it is told."""
    asked = Ether(wire.expect(has(ICMPv6ND_NS, tgt=address)))
    wire.send(Ether(src=mac, dst=asked.src) / IPv6(src=address, dst=asked[IPv6].src, hlim=255)
              / ICMPv6ND_NA(tgt=address, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac))


def test_dual_stack_edge():
    with Appliance(nics=["virtio"] * 2, config=example("Dual-stack edge")) as router:
        provider, lan = router.wires
        advertised = Ether(lan.expect(has(ICMPv6ND_RA)))
        prefix = advertised[ICMPv6NDOptPrefixInfo]
        assert (prefix.prefix, prefix.prefixlen, prefix.A) == ("2001:db8:1:1::", 64, 1)
        hold(lan, HOST, "192.0.2.2", "192.0.2.1")
        hold(provider, GATE, "203.0.113.1", "203.0.113.2")
        lan.send(Ether(src=HOST, dst=PORT[1]) / IP(src="192.0.2.2", dst="8.8.8.8") / UDP() / b"IPv4 out")
        assert Ether(provider.expect(has_text(b"IPv4 out"))).dst == GATE
        provider.send(Ether(src=GATE, dst=PORT[0]) / IP(src="8.8.8.8", dst="192.0.2.2") / UDP() / b"IPv4 back")
        assert Ether(lan.expect(has_text(b"IPv4 back"))).dst == HOST

        host = "2001:db8:1:1::a"
        lan.send(Ether(src=HOST, dst=PORT[1]) / IPv6(src=host, dst="2001:db8:99::1") / UDP() / b"IPv6 out")
        answer_solicitation(provider, "fe80::1", GATE)
        assert Ether(provider.expect(has_text(b"IPv6 out"))).dst == GATE
        provider.send(Ether(src=GATE, dst=PORT[0]) / IPv6(src="2001:db8:99::1", dst=host) / UDP() / b"IPv6 back")
        answer_solicitation(lan, host, HOST)
        assert Ether(lan.expect(has_text(b"IPv6 back"))).dst == HOST
        lan.send(Ether(src=HOST, dst=PORT[1]) / IPv6(src=host, dst="2001:db8:1:77::1") / UDP() / b"nowhere")
        assert Ether(lan.expect(has(ICMPv6DestUnreach)))[ICMPv6DestUnreach].code == 6   # RFC 4443 3.1
        lan.send(Ether(src=HOST, dst=PORT[1]) / IPv6(src="2001:db8:5::1", dst="2001:db8:99::1") / UDP() / b"spoofed",
                 Ether(src=HOST, dst=PORT[1]) / IPv6(src=host, dst="2001:db8:99::1") / UDP() / b"honest")
        assert not [f for f in provider.before(has_text(b"honest")) if b"spoofed" in f]
        check_law(router.stats())


def test_two_uplinks():
    with Appliance(nics=["virtio"] * 3, config=example("Two uplinks")) as router:
        lan = router.wires[2]
        gates = {0: (GATE, "203.0.113.1", "203.0.113.2"), 1: (GATE2, "198.51.100.1", "198.51.100.2")}
        hold(lan, HOST, "192.0.2.2", "192.0.2.1")
        for port, (mac, ip, ours) in gates.items():
            hold(router.wires[port], mac, ip, ours)

        def way_of(n):
            text = router.must("show route 8.8.8.8 from 192.0.2.2 protocol 17 ports %d 53" % n)
            wire = int(re.search(r"port (\d) via", text).group(1))
            lan.send(Ether(src=HOST, dst=PORT[2]) / IP(src="192.0.2.2", dst="8.8.8.8") / UDP(sport=n, dport=53)
                     / (b"query %d." % n))
            assert Ether(router.wires[wire].expect(has_text(b"query %d." % n))).dst == gates[wire][0]
            return wire
        ways = [way_of(n) for n in range(1000, 1030)]
        assert set(ways) == {0, 1}
        assert "171 of 256 flows" in router.must("show route 8.8.8.8")
        router.must("port 0 down")
        assert {way_of(n) for n in range(1000, 1010)} == {1}
        check_law(router.stats())


def test_every_example_is_run():
    """Who adds one adds its test."""
    with open(PAGE, encoding="utf-8") as page:
        begin = page.read().split("## To begin with")[1].split("\n## ")[0]
    headings = re.findall(r"\n### (.*)\n", begin)
    with open(__file__, encoding="utf-8") as us:
        text = us.read()
    assert headings and all('example("%s")' % heading in text for heading in headings)
