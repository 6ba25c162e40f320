"""Routes on the wire: several next hops, interfaces, gateways outside every prefix, refusals; what interfaces let in."""
import re

import pytest

from addresses import (ALICE, ARP, BROADCAST, Ether, ICMP, IP, PORT, UDP, has, is_arp_request_for, is_probe)
from qemu import Appliance, check_law

THREE_PORTS = """\
port 0 address 192.0.2.1/24
port 1 address 198.51.100.1/24
port 2 address 203.0.113.1/24
forward l3
"""
ROUTERS = {1: ("02:00:00:00:0b:02", "198.51.100.2"), 2: ("02:00:00:00:0c:02", "203.0.113.2")}
BOTH = "route add 10.0.0.0/8 via 198.51.100.2 via 203.0.113.2"
FLOWS = 24


def meet(appliance, port, mac, ip, ours):
    appliance.wires[port].send(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=ip, pdst=ours))
    appliance.wires[port].expect(has(ARP, op=2, psrc=ours))


@pytest.fixture(scope="module")
def three():
    with Appliance(nics=["virtio", "e1000", "igb"], config=THREE_PORTS) as appliance:
        yield appliance
        check_law(appliance.stats())


@pytest.fixture
def routed(three):
    """The host on port 0 and a router on each of the others are known; what a test adds it deletes."""
    meet(three, 0, ALICE.mac, ALICE.ip, "192.0.2.1")
    for port, (mac, ip) in ROUTERS.items():
        meet(three, port, mac, ip, ip[:-1] + "1")
    yield three
    for line in three.must("show config").splitlines():
        if line.startswith("route add "):
            three.must("route delete " + line.split()[2])


def flow(n, dst="10.1.2.3"):
    return ALICE.to_router(dst=dst) / UDP(sport=1000 + n, dport=9) / (b"probe %d." % n)


def way_of(router, n):
    """The wire that the console says flow n takes, and there it arrives."""
    text = router.must("show route 10.1.2.3 from %s protocol 17 ports %d 9" % (ALICE.ip, 1000 + n))
    wire = int(re.search(r"port (\d) via", text).group(1))
    router.wires[0].send(flow(n))
    got = Ether(router.wires[wire].expect(lambda f: b"probe %d." % n in f))
    assert got.dst == ROUTERS[wire][0]
    return wire


def drops(router, reason, port=0):
    return router.stats()["ports"][port]["drops"].get(reason, 0)


def test_flows_take_both_ways_and_only_those_of_a_lost_one_move(routed):
    routed.must(BOTH)
    was = [way_of(routed, n) for n in range(FLOWS)]
    assert set(was) == {1, 2}
    routed.must("port 2 down")
    assert [way_of(routed, n) for n in range(FLOWS)] == [1] * FLOWS
    assert "inactive, port 2 is down" in routed.must("show routes")
    routed.must("port 2 up")
    routed.wires[2].expect(is_arp_request_for("203.0.113.2"))      # asked for, though nothing goes there yet
    meet(routed, 2, *ROUTERS[2], "203.0.113.1")
    assert [way_of(routed, n) for n in range(FLOWS)] == was


def test_a_gateway_that_falls_silent_is_left_out(routed):
    routed.must(BOTH)
    routed.must("neighbor delete 203.0.113.2")
    assert [way_of(routed, n) for n in range(FLOWS)] == [1] * FLOWS
    assert "left out, it does not answer" in routed.must("show route 10.1.2.3")
    routed.wires[2].expect(is_arp_request_for("203.0.113.2"))


def test_fragments_stay_together(routed):
    """RFC 791: none of them is without the others' way, whatever their octets say of ports."""
    routed.must(BOTH)
    for n in range(8):
        dst = "10.1.3.%d" % n
        text = routed.must("show route %s from %s protocol 17" % (dst, ALICE.ip))
        wire = int(re.search(r"port (\d) via", text).group(1))
        for at, more in ((0, "MF"), (3, "MF"), (6, 0)):
            routed.wires[0].send(ALICE.to_router(dst=dst, id=7 + n, frag=at, flags=more, proto=17)
                                 / (b"piece %d.%d at" % (n, at)).ljust(24, b"\x5a"))
            routed.wires[wire].expect(lambda f: b"piece %d.%d at" % (n, at) in f)


@pytest.mark.parametrize("verdict,reason,code", [
    ("blackhole", "blackhole", None), ("unreachable", "unreachable", 1), ("prohibit", "prohibited", 13)])
def test_routes_that_refuse(routed, verdict, reason, code):
    """RFC 1812 5.2.7.1."""
    routed.must("route add 10.0.0.0/8 " + verdict)
    before = drops(routed, reason)
    routed.wires[0].send(flow(1))
    if code is not None:
        error = Ether(routed.wires[0].expect(has(IP, ICMP, type=3, code=code)))
        assert error[IP].src == "192.0.2.1"
    assert drops(routed, reason) == before + 1


def test_a_route_to_an_interface(routed):
    routed.must("route add 10.1.0.0/16 interface 1")
    routed.wires[0].send(flow(1))
    request = Ether(routed.wires[1].expect(is_arp_request_for("10.1.2.3")))
    assert request[ARP].psrc == "198.51.100.1"
    routed.wires[1].send(Ether(src="02:00:00:00:0b:09", dst=request.src)
                         / ARP(op=2, hwsrc="02:00:00:00:0b:09", psrc="10.1.2.3", hwdst=request.src, pdst="198.51.100.1"))
    assert Ether(routed.wires[1].expect(lambda f: b"probe 1." in f)).dst == "02:00:00:00:0b:09"


def test_strict_and_loose_reverse_path(routed):
    """RFC 3704 2.2, 2.4."""
    spoofed = Ether(src=ALICE.mac, dst=PORT[0]) / IP(src="203.0.113.77", dst="198.51.100.2") / UDP() / b"spoofed"
    for mode, passes in (("off", True), ("loose", True), ("strict", False)):
        routed.must("port 0 reverse-path " + mode)
        before = drops(routed, "reverse_path")
        routed.wires[0].send(spoofed, ALICE.to_router(dst="198.51.100.2") / UDP() / b"honest")
        came = routed.wires[1].before(lambda f: b"honest" in f)
        assert any(b"spoofed" in f for f in came) == passes
        assert drops(routed, "reverse_path") == before + (not passes)
    routed.must("port 0 reverse-path off")


def test_proxy_arp(routed):
    """RFC 1027: off, unless told; and never for the link's own hosts."""
    def ask(ip):
        routed.wires[0].send(Ether(src=ALICE.mac, dst=BROADCAST) / ARP(op=1, hwsrc=ALICE.mac, psrc=ALICE.ip, pdst=ip))
    for ip in ("198.51.100.7", "192.0.2.7"):
        ask(ip)
    ask("192.0.2.1")
    assert not [f for f in routed.wires[0].before(has(ARP, op=2, psrc="192.0.2.1")) if has(ARP, op=2)(f)]
    routed.must("port 0 proxy-arp on")
    ask("198.51.100.7")
    assert Ether(routed.wires[0].expect(has(ARP, op=2, psrc="198.51.100.7"))).src == PORT[0]
    ask("192.0.2.7")
    ask("192.0.2.1")
    assert not [f for f in routed.wires[0].before(has(ARP, op=2, psrc="192.0.2.1")) if has(ARP, op=2)(f)]
    routed.must("port 0 proxy-arp off")


@pytest.mark.parametrize("dst", ["224.0.0.1", "224.0.0.251", "239.255.255.250", "255.255.255.255"])
def test_what_is_for_groups_never_leaves_its_link(routed, dst):
    """RFC 1812 5.3.5, 4.2.2.11: 224.0.0.0/24 at no time; other groups are not routed, with a default route, too."""
    routed.must("route add 0.0.0.0/0 via 198.51.100.2")
    reason = "broadcast" if dst.startswith("255") else "multicast"
    mac = BROADCAST if dst.startswith("255") else "01:00:5e:" + "%02x:%02x:%02x" % (
        int(dst.split(".")[1]) & 127, int(dst.split(".")[2]), int(dst.split(".")[3]))
    before = drops(routed, reason)
    routed.wires[0].send(Ether(src=ALICE.mac, dst=mac) / IP(src=ALICE.ip, dst=dst, ttl=64) / UDP() / b"to all",
                         ALICE.to_router(dst="198.51.100.2") / UDP() / b"to one")
    assert not [f for f in routed.wires[1].before(lambda f: b"to one" in f) if b"to all" in f]
    # A port that is not promiscuous may not even hand it up.
    assert drops(routed, reason) <= before + 1


def test_a_link_of_two(routed):
    """RFC 3021: of a /31 both addresses are hosts, and neither is a broadcast."""
    routed.must("port 2 address 203.0.114.6/31")
    routed.wires[0].send(ALICE.to_router(dst="203.0.114.7") / UDP() / b"to the other")
    request = Ether(routed.wires[2].expect(is_arp_request_for("203.0.114.7")))
    assert request[ARP].psrc == "203.0.114.6"
    routed.wires[2].send(Ether(src="02:00:00:00:0c:07", dst=request.src)
                         / ARP(op=2, hwsrc="02:00:00:00:0c:07", psrc="203.0.114.7", hwdst=request.src, pdst="203.0.114.6"))
    routed.wires[2].expect(lambda f: b"to the other" in f)
    routed.wires[0].send(ALICE.to_router(dst="203.0.114.6") / ICMP(type=8, id=5, seq=6))
    assert Ether(routed.wires[0].expect(has(IP, ICMP, type=0)))[IP].src == "203.0.114.6"
    routed.must("port 2 no address 203.0.114.6/31")


def test_a_cloud_s_gateway():
    """An address of /32 and a gateway that no prefix leads to, on the command line alone."""
    with Appliance(nics=["virtio"] * 2, config="port 0 address 100.64.3.7/32\nport 1 address 192.0.2.1/24\n"
                   "route add 0.0.0.0/0 via 169.254.0.1 interface 0\nforward l3\n") as router:
        meet(router, 1, ALICE.mac, ALICE.ip, "192.0.2.1")
        router.wires[1].send(Ether(src=ALICE.mac, dst=PORT[1]) / IP(src=ALICE.ip, dst="8.8.8.8") / UDP() / b"out")
        request = Ether(router.wires[0].expect(is_arp_request_for("169.254.0.1")))
        assert request[ARP].psrc == "100.64.3.7"
        mac = "02:00:00:00:0a:01"
        router.wires[0].send(Ether(src=mac, dst=request.src)
                             / ARP(op=2, hwsrc=mac, psrc="169.254.0.1", hwdst=request.src, pdst="100.64.3.7"))
        assert Ether(router.wires[0].expect(lambda f: b"out" in f)).dst == mac
        meet(router, 0, mac, "169.254.0.1", "100.64.3.7")       # and it may ask for us
        router.wires[0].send(Ether(src=mac, dst=PORT[0]) / IP(src="8.8.8.8", dst="100.64.3.7") / ICMP(type=8))
        assert Ether(router.wires[0].expect(has(IP, ICMP, type=0))).dst == mac
        check_law(router.stats())
