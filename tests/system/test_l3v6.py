"""IPv6 on the wire, one rule a test: RFC 8200, 4291, 4861; unread: RFC 4443, 4862, 3810."""
import ipaddress
import random
import time

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLQuery2, ICMPv6MLReport2,
                                ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS,
                                ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded,
                                IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting,
                                RouterAlert)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from addresses import PORT, has
from qemu import FRAME_LIMIT, Appliance, check_law

CONFIG = """\
port 0 address 2001:db8:a::1/64
port 1 address 2001:db8:b::1/64
interface 0 advertise dns 2001:db8:a::53
interface 0 advertise on
forward l3
"""
LINK_LOCAL = ["fe80::ff:fe00:1", "fe80::ff:fe00:2"]


class Station:
    def __init__(self, port, mac, ip):
        self.port, self.mac, self.ip = port, mac, ip
        self.gateway = ["2001:db8:a::1", "2001:db8:b::1"][port]

    def to_router(self, **fields):
        return Ether(src=self.mac, dst=PORT[self.port]) / IPv6(src=self.ip, **fields)


ALICE = Station(0, "02:00:00:00:0a:02", "2001:db8:a::2")
BOB = Station(1, "02:00:00:00:0b:02", "2001:db8:b::2")


def group_mac(group):
    return "33:33:%s" % ":".join("%02x" % byte for byte in group[-4:])


def solicited_node(address):
    low = ipaddress.ip_address(address).packed[-3:]
    return ipaddress.ip_address(bytes.fromhex("ff0200000000000000000001ff") + low)


def solicitation(station, target):
    node = solicited_node(target)
    return (Ether(src=station.mac, dst=group_mac(node.packed)) / IPv6(src=station.ip, dst=str(node), hlim=255)
            / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=station.mac))


def introduce(router, *stations):
    for station in stations:
        wire = router.wires[station.port]
        wire.send(solicitation(station, station.gateway))
        wire.expect(has(ICMPv6ND_NA, tgt=station.gateway))
        wire.send(station.to_router(dst=station.gateway, hlim=255)
                  / ICMPv6ND_NA(tgt=station.ip, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=station.mac))


@pytest.fixture(scope="module", params=["virtio", "igb", "e1000"])
def router(request):
    """Its addresses were looked for."""
    with Appliance(nics=[request.param] * 2, config=CONFIG) as appliance:
        while "tentative" in appliance.must("show interfaces"):
            pass
        yield appliance
        check_law(appliance.stats())


@pytest.fixture(autouse=True)
def known(router):
    for wire in router.wires:
        wire.drain(0.05)
    introduce(router, ALICE, BOB)


def drops(router, port=0):
    return router.stats()["ports"][port]["drops"]


def forwarded(router, packet):
    """What of ALICE's frame arrives at BOB."""
    router.wires[0].send(packet)
    return Ether(router.wires[1].expect(lambda frame: b"probe" in frame))


def dropped(router, packet, reason):
    """In silence, and BOB's wire stays empty but for what goes there after it."""
    before = drops(router).get(reason, 0)
    router.wires[0].send(packet)
    marker = ALICE.to_router(dst=BOB.ip) / probe(b"marker")
    router.wires[0].send(marker)
    assert not [f for f in router.wires[1].before(lambda frame: b"marker" in frame) if b"probe" in f]
    end = time.monotonic() + FRAME_LIMIT        # what another CPU has to think about takes longer
    while drops(router)[reason] == before:
        assert time.monotonic() < end, drops(router)
    assert drops(router)[reason] == before + 1


def refused(router, packet, layer, **fields):
    router.wires[0].send(packet)
    error = Ether(router.wires[0].expect(has(layer)))
    assert error.dst == ALICE.mac and (error[IPv6].src, error[IPv6].dst) == (ALICE.gateway, ALICE.ip)
    for name, value in fields.items():
        assert getattr(error[layer], name) == value
    again = Ether(bytes(error))
    del again[layer].cksum
    assert Ether(bytes(again))[layer].cksum == error[layer].cksum
    return error


def probe(text=b"probe"):
    return UDP(sport=49152, dport=9) / text.ljust(40, b".")


# Forwarding (RFC 8200)


def test_forwards_with_hop_limit_and_addresses(router):
    sent = ALICE.to_router(dst=BOB.ip, hlim=17, tc=0x48, fl=0x12345) / probe()
    got = forwarded(router, sent)
    assert (got.dst, got.src) == (BOB.mac, PORT[1])
    expected = Ether(bytes(sent))
    expected[IPv6].hlim = 16
    assert bytes(got)[14:] == bytes(expected)[14:]


def test_forwards_by_routes(router):
    """Longest match; through a link-local gateway."""
    router.must("route add 2001:db8:c::/48 via 2001:db8:b::2")
    router.must("route add ::/0 via fe80::b interface 1")
    router.must("neighbor add fe80::b 02:00:00:00:0b:0b port 1")
    assert forwarded(router, ALICE.to_router(dst="2001:db8:c::1") / probe()).dst == BOB.mac
    assert forwarded(router, ALICE.to_router(dst="2001:db8:dd::1") / probe()).dst == "02:00:00:00:0b:0b"
    router.must("neighbor delete fe80::b interface 1")
    router.must("route delete ::/0")
    router.must("route delete 2001:db8:c::/48")


def test_hop_limit_ends(router):
    refused(router, ALICE.to_router(dst=BOB.ip, hlim=1) / probe(), ICMPv6TimeExceeded, code=0)


def test_too_big(router):
    router.must("port 1 mtu 1280")
    error = refused(router, ALICE.to_router(dst=BOB.ip) / Raw(bytes(1300)), ICMPv6PacketTooBig, mtu=1280)
    assert len(error) == 14 + 1280
    router.must("port 1 mtu 1500")


def test_no_route(router):
    refused(router, ALICE.to_router(dst="2001:db8:77::1") / probe(), ICMPv6DestUnreach, code=0)


@pytest.mark.parametrize("fields,reason", [
    (dict(dst="ff02::5"), "multicast"), (dict(dst="ff0e::5"), "multicast"),
    (dict(dst="fe80::5"), "martian_destination"), (dict(dst="::1"), "martian_destination"),
    (dict(dst="::"), "martian_destination")])
def test_what_is_never_forwarded(router, fields, reason):
    """RFC 4291 2.5.2, 2.5.3, 2.5.6, 2.7."""
    dropped(router, ALICE.to_router(**fields) / probe(), reason)


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1", "2001:db8:b::1"])
def test_sources_that_cannot_be(router, source):
    packet = ALICE.to_router(dst=BOB.ip) / probe()
    packet[IPv6].src = source
    dropped(router, packet, "martian_source")


def test_extension_headers_pass(router):
    for header in (IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(segleft=1, addresses=[BOB.ip]), IPv6ExtHdrFragment(m=1),
                   IPv6ExtHdrHopByHop(options=RouterAlert())):
        forwarded(router, ALICE.to_router(dst=BOB.ip) / header / probe())


def test_hop_by_hop_options_are_looked_at(router):
    packet = ALICE.to_router(dst=BOB.ip) / IPv6ExtHdrHopByHop() / probe()
    raw = bytearray(bytes(packet))
    raw[14 + 40 + 2:14 + 40 + 8] = b"\x9e\x04\0\0\0\0"
    refused(router, bytes(raw), ICMPv6ParamProblem, code=2, ptr=42)


# Neighbor discovery (RFC 4861)


def test_neighbor_is_asked_for_and_sent_to(router):
    carol = Station(1, "02:00:00:00:0b:03", "2001:db8:b::3")
    router.wires[0].send(ALICE.to_router(dst=carol.ip) / probe())
    asked = Ether(router.wires[1].expect(has(ICMPv6ND_NS, tgt=carol.ip)))
    assert asked[IPv6].dst == "ff02::1:ff00:3" and asked.dst == "33:33:ff:00:00:03" and asked[IPv6].hlim == 255
    assert asked[ICMPv6NDOptSrcLLAddr].lladdr == PORT[1]
    router.wires[1].send(carol.to_router(dst=asked[IPv6].src, hlim=255) / ICMPv6ND_NA(tgt=carol.ip, R=0, S=1, O=1)
                         / ICMPv6NDOptDstLLAddr(lladdr=carol.mac))
    assert Ether(router.wires[1].expect(lambda frame: b"probe" in frame)).dst == carol.mac
    router.must("neighbor delete 2001:db8:b::3")


def test_silent_neighbor_is_unreachable(router):
    refused(router, ALICE.to_router(dst="2001:db8:b::99") / probe(), ICMPv6DestUnreach, code=3)


def test_solicitation_from_afar_is_none(router):
    packet = solicitation(ALICE, ALICE.gateway)
    packet[IPv6].hlim = 254
    dropped(router, packet, "nd_invalid")


def test_redirect(router):
    """RFC 4861 8.2"""
    dave = Station(0, "02:00:00:00:0a:04", "2001:db8:a::4")
    introduce(router, dave)
    router.let_pass(30000)
    router.wires[0].send(ALICE.to_router(dst=dave.ip) / probe())
    told = Ether(router.wires[0].expect(has(ICMPv6ND_Redirect)))
    assert told[IPv6].src == LINK_LOCAL[0] and told[IPv6].hlim == 255 and told.dst == ALICE.mac
    assert told[ICMPv6ND_Redirect].tgt == told[ICMPv6ND_Redirect].dst == dave.ip


def test_router_solicitation_is_answered(router):
    """RFC 4861 6.2.6, 6.2.3"""
    router.wires[0].send(Ether(src=ALICE.mac, dst="33:33:00:00:00:02") / IPv6(src="::", dst="ff02::2", hlim=255)
                         / ICMPv6ND_RS())
    told = Ether(router.wires[0].expect(has(ICMPv6ND_RA)))
    assert (told[IPv6].src, told[IPv6].dst, told[IPv6].hlim) == (LINK_LOCAL[0], "ff02::1", 255)
    assert told[ICMPv6ND_RA].routerlifetime == 1800
    prefix = told[ICMPv6NDOptPrefixInfo]
    assert (prefix.prefix, prefix.prefixlen, prefix.L, prefix.A) == ("2001:db8:a::", 64, 1, 1)
    assert told[ICMPv6NDOptMTU].mtu == 1500
    assert told[ICMPv6NDOptRDNSS].dns == ["2001:db8:a::53"]


# To us


def test_echo_whole_and_in_pieces(router):
    router.wires[0].send(ALICE.to_router(dst=ALICE.gateway) / ICMPv6EchoRequest(id=7, seq=9, data=bytes(range(200))))
    answer = Ether(router.wires[0].expect(has(ICMPv6EchoReply)))
    assert (answer[ICMPv6EchoReply].id, answer[ICMPv6EchoReply].seq) == (7, 9)
    assert answer[ICMPv6EchoReply].data == bytes(range(200))
    whole = bytes(IPv6(src=ALICE.ip, dst=ALICE.gateway) / ICMPv6EchoRequest(id=8, data=bytes(300)))[40:]
    for offset in (160, 0):
        piece = whole[offset:offset + 160]
        router.wires[0].send(ALICE.to_router(dst=ALICE.gateway)
                             / IPv6ExtHdrFragment(nh=58, id=77, offset=offset // 8, m=int(offset == 0)) / Raw(piece))
    assert Ether(router.wires[0].expect(has(ICMPv6EchoReply)))[ICMPv6EchoReply].id == 8


def test_routing_header_to_us_is_refused(router):
    refused(router, ALICE.to_router(dst=ALICE.gateway) / IPv6ExtHdrRouting(type=0, segleft=1, addresses=[BOB.ip])
            / ICMPv6EchoRequest(), ICMPv6ParamProblem, code=0, ptr=42)


def test_services_that_are_not_there(router):
    refused(router, ALICE.to_router(dst=ALICE.gateway) / probe(), ICMPv6DestUnreach, code=4)


def test_listener_query_is_answered(router):
    router.wires[0].send(Ether(src=ALICE.mac, dst="33:33:00:00:00:01") / IPv6(src="fe80::a", dst="ff02::1", hlim=1)
                         / IPv6ExtHdrHopByHop(options=RouterAlert()) / ICMPv6MLQuery2(mrd=100))
    report = Ether(router.wires[0].expect(has(ICMPv6MLReport2)))
    records = bytes(report[ICMPv6MLReport2])[8:]        # scapy finds the first only
    groups = {records[n + 4:n + 20] for n in range(0, len(records), 20)}
    assert {ipaddress.ip_address(group).packed for group in ("ff02::2", "ff02::1:ff00:1")} <= groups
    assert (report[IPv6].dst, report[IPv6].hlim) == ("ff02::16", 1)


def test_noise_ends_somewhere(router):
    """Every octet of good frames changed at random: the law holds (the fixture's end), and the router lives."""
    seeds = [solicitation(ALICE, ALICE.gateway), ALICE.to_router(dst=BOB.ip) / probe(),
             ALICE.to_router(dst=ALICE.gateway) / IPv6ExtHdrDestOpt() / ICMPv6EchoRequest(data=bytes(20)),
             ALICE.to_router(dst=ALICE.gateway) / IPv6ExtHdrFragment(m=1) / Raw(bytes(64))]
    noise = random.Random(6)
    for number in range(600):
        frame = bytearray(bytes(seeds[number % len(seeds)]))
        for _ in range(noise.randint(1, 4)):
            frame[noise.randint(14, len(frame) - 1)] = noise.randint(0, 255)
        router.wires[0].send(bytes(frame))
        if number % 50 == 0:
            router.wires[0].taken()
    check_law(router.settled(0))
    introduce(router, ALICE)
