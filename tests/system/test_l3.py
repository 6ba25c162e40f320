"""The router on the wire: RFC 1812, 791, 792, 826, 1191, 2644, 3927; one rule a test."""
import re

import pytest
from scapy.packet import Raw

from addresses import (ALICE, ARP, BOB, BROADCAST, Ether, ICMP, IP, PORT, ROUTER, UDP, answer_arp, has,
                       introduce, is_arp_request_for, is_probe, probe, quiet_before_marker)
from qemu import Appliance

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture(autouse=True)
def known(router):
    """Both stations are resolved."""
    introduce(router, ALICE, BOB)


def nothing(router):
    came = quiet_before_marker(router)
    assert came == ([], []), [Ether(frame).summary() for wire in came for frame in wire]


def drops(router, port=0):
    return router.stats()["ports"][port]["drops"]


class counted:
    """with counted(router, "reason"): exactly one drop for that reason, and for no other."""

    def __init__(self, router, reason, port=0):
        self.router, self.reason, self.port = router, reason, port

    def __enter__(self):
        self.before = drops(self.router, self.port)

    def __exit__(self, kind, *_):
        if kind is None:
            after = drops(self.router, self.port)
            changed = {k: v - self.before.get(k, 0) for k, v in after.items() if v != self.before.get(k, 0)}
            assert changed == {self.reason: 1}


def forwarded(router, packet):
    """What of a frame sent by ALICE arrives at BOB."""
    router.wires[0].send(packet)
    return Ether(router.wires[1].expect(lambda f: f[12:14] == b"\x08\x00"))


def silently_dropped(router, packet, reason):
    with counted(router, reason):
        router.wires[0].send(packet)
        nothing(router)


def answered_with(router, packet, kind, code, **fields):
    """ALICE sends; an ICMP error of that kind comes back, with what it must carry."""
    router.wires[0].send(packet)
    error = Ether(router.wires[0].expect(has(IP, ICMP, type=kind, code=code)))
    assert error.dst == ALICE.mac and error.src == PORT[0]
    assert (error[IP].src, error[IP].dst) == ("192.0.2.1", ALICE.ip)
    assert checksums_hold(error)
    original = bytes(packet[IP])
    quoted = bytes(error[ICMP])[8:]
    assert len(quoted) >= min(28, len(original))            # header and 8 octets, RFC 792
    assert quoted[12:28] == original[12:28]
    assert error[IP].len <= 576                             # RFC 1812 4.3.2.3
    for name, value in fields.items():
        assert getattr(error[ICMP], name) == value
    return error


def checksums_hold(packet):
    again = Ether(bytes(packet))
    wanted = [layer.chksum for layer in (again[IP], again.getlayer(ICMP) or again.getlayer(UDP)) if layer]
    for layer in (again[IP], again.getlayer(ICMP) or again.getlayer(UDP)):
        if layer:
            del layer.chksum
    again = Ether(bytes(again))
    return wanted == [layer.chksum for layer in (again[IP], again.getlayer(ICMP) or again.getlayer(UDP)) if layer]


def header_checksum_holds(header):
    total = sum(int.from_bytes(header[n:n + 2], "big") for n in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total == 0xffff


# Forwarding (RFC 1812 5.2, 5.3)


def test_forwards_with_ttl_and_checksum_and_addresses(router):
    """RFC 1812 5.3.1, RFC 1624: all else is as it was."""
    sent = ALICE.to_router(dst=BOB.ip, ttl=17, id=99, tos=0x48) / probe()
    got = forwarded(router, sent)
    assert (got.dst, got.src) == (BOB.mac, PORT[1])
    assert got[IP].ttl == 16
    expected = Ether(bytes(sent))
    expected[IP].ttl = 16
    del expected[IP].chksum
    assert bytes(got)[14:14 + got[IP].len] == bytes(Ether(bytes(expected)))[14:]


def test_forwards_to_the_longest_match(router):
    """RFC 1812 5.2.4.3."""
    router.must("route add 203.0.113.128/25 via 192.0.2.2")
    router.wires[1].send(BOB.to_router(dst="203.0.113.200") / probe(1))
    router.wires[0].expect(is_probe(1))
    router.wires[0].send(ALICE.to_router(dst="203.0.113.5") / probe(2))
    router.wires[1].expect(is_probe(2))
    router.must("route delete 203.0.113.128/25")
    router.wires[0].send(ALICE.to_router(dst="203.0.113.200") / probe(3))
    router.wires[1].expect(is_probe(3))


def test_a_default_route(router):
    router.must("route add 0.0.0.0/0 via 198.51.100.2")
    router.wires[0].send(ALICE.to_router(dst="9.9.9.9") / probe(4))
    router.wires[1].expect(is_probe(4))
    router.must("route delete 0.0.0.0/0")


def test_ip_options_are_passed_on(router):
    """RFC 1812 5.2.4.1: unknown options are ignored and forwarded as they are."""
    got = forwarded(router, ALICE.to_router(dst=BOB.ip, options=b"\x9e\x04\x12\x34") / probe(5))
    assert got[IP].ihl == 6 and b"\x9e\x04\x12\x34" in bytes(got) and b"probe 5" in bytes(got)


def test_padding_of_short_frames_is_no_part_of_the_packet(router):
    got = forwarded(router, bytes(ALICE.to_router(dst=BOB.ip) / UDP()).ljust(60, b"\xaa"))
    assert got[IP].len == 28


# TTL (RFC 1812 5.3.1)


@pytest.mark.parametrize("ttl", [0, 1])
def test_ttl_expires_with_time_exceeded(router, ttl):
    with counted(router, "ttl_expired"):
        answered_with(router, ALICE.to_router(dst=BOB.ip, ttl=ttl) / probe(), 11, 0)
        nothing(router)


def test_ttl_2_passes(router):
    assert forwarded(router, ALICE.to_router(dst=BOB.ip, ttl=2) / probe())[IP].ttl == 1


# ICMP (RFC 792, RFC 1812 4.3)


@pytest.mark.parametrize("size", [0, 1, 56, 1472])
@pytest.mark.parametrize("address", ["192.0.2.1", "198.51.100.1"])
def test_ping_is_answered(router, address, size):
    """RFC 1812 4.3.3.6: also for the address of another port."""
    data = bytes(n & 255 for n in range(size))
    router.wires[0].send(ALICE.to_router(dst=address) / ICMP(id=7, seq=8) / Raw(data))
    reply = Ether(router.wires[0].expect(has(IP, ICMP, type=0)))
    assert (reply[IP].src, reply[IP].dst, reply[ICMP].id, reply[ICMP].seq) == (address, ALICE.ip, 7, 8)
    assert bytes(reply[ICMP])[8:8 + size] == data
    assert checksums_hold(reply)


def test_broadcast_ping_is_not_answered(router):
    """RFC 1812 4.3.3.6 lets a router be silent; we are, to both kinds of broadcast."""
    for dst in ("192.0.2.255", "255.255.255.255"):
        router.wires[0].send(Ether(src=ALICE.mac, dst=BROADCAST) / IP(src=ALICE.ip, dst=dst) / ICMP())
    nothing(router)


def test_no_route_is_net_unreachable(router):
    """RFC 1812 4.3.3.1, 5.2.7.1: code 0."""
    with counted(router, "no_route"):
        answered_with(router, ALICE.to_router(dst="8.8.8.8") / probe(), 3, 0)


def test_a_silent_next_hop_is_host_unreachable(router):
    """RFC 1812 4.3.3.1: code 1, after ARP has been tried."""
    packet = ALICE.to_router(dst="198.51.100.77") / probe()
    answered_with(router, packet, 3, 1)
    assert drops(router)["host_unreachable"] >= 1


def test_a_closed_port_is_port_unreachable(router):
    answered_with(router, ALICE.to_router(dst="192.0.2.1") / UDP(sport=5, dport=4321) / Raw(b"x" * 20), 3, 3)


def test_an_unknown_protocol_is_protocol_unreachable(router):
    answered_with(router, ALICE.to_router(dst="192.0.2.1", proto=200) / Raw(b"x" * 20), 3, 2)


def test_no_error_about_an_error(router):
    """RFC 1812 4.3.2.7."""
    inner = IP(src=BOB.ip, dst=ALICE.ip) / UDP()
    for kind, code in ((3, 1), (11, 0), (12, 0), (5, 0), (4, 0)):
        router.wires[0].send(ALICE.to_router(dst="8.8.8.8") / ICMP(type=kind, code=code) / Raw(bytes(inner)))
    nothing(router)


def test_no_error_about_a_later_fragment(router):
    router.wires[0].send(ALICE.to_router(dst="8.8.8.8", frag=5) / Raw(b"x" * 40))
    nothing(router)


def test_no_error_about_a_link_layer_broadcast(router):
    """RFC 1812 4.3.2.7 and 5.3.4: nor is it forwarded."""
    with counted(router, "link_broadcast"):
        router.wires[0].send(Ether(src=ALICE.mac, dst=BROADCAST) / IP(src=ALICE.ip, dst=BOB.ip) / probe())
        nothing(router)


def test_an_echo_with_a_wrong_checksum_is_not_answered(router):
    with counted(router, "icmp_invalid"):
        router.wires[0].send(ALICE.to_router(dst="192.0.2.1") / ICMP(chksum=0x1234) / b"data")
        nothing(router)


def test_errors_are_rate_limited(router):
    """RFC 1812 4.3.2.8: 250 a second and port (apps/ip/icmp.c), and its burst, however slow the machine is."""
    before = router.stats()
    for n in range(3000):
        router.wires[0].send(ALICE.to_router(dst="8.8.8.8") / probe(n))
    after = router.settled(before["ports"][0]["rx_packets"] + 3000)
    errors = [f for f in quiet_before_marker(router)[0] if has(IP, ICMP, type=3)(f)]
    assert 0 < len(errors) <= 250 * (after["uptime_us"] - before["uptime_us"]) / 1e6 + 100
    router.let_pass(1000000)            # or the next test's error is held back


# Fragmentation (RFC 791 3.2, RFC 1191)


@pytest.fixture
def narrow(router):
    router.must("port 1 mtu 600")
    yield router
    router.must("port 1 mtu 1500")


def test_df_is_answered_with_the_mtu(narrow):
    """RFC 1191 4: type 3, code 4, next-hop MTU."""
    packet = ALICE.to_router(dst=BOB.ip, flags="DF") / UDP() / Raw(b"x" * 1000)
    error = answered_with(narrow, packet, 3, 4)
    assert error[ICMP].nexthopmtu == 600


def test_without_df_fragments_make_the_same_packet(narrow):
    data = bytes(n * 7 & 255 for n in range(1400))
    narrow.wires[0].send(ALICE.to_router(dst=BOB.ip, id=4711, ttl=9) / UDP(chksum=0) / Raw(data))
    parts = [Ether(f) for f in quiet_before_marker(narrow)[1] if Ether(f).type == 0x800]
    assert len(parts) == 3
    body = {}
    for part in parts:
        ip = part[IP]
        assert ip.len <= 600 and ip.id == 4711 and ip.ttl == 8
        assert header_checksum_holds(bytes(ip)[:20])
        body[ip.frag * 8] = bytes(ip)[20:ip.len]
    whole = b"".join(body[at] for at in sorted(body))
    assert [at for at in sorted(body)] == [0, 576, 1152]
    assert whole[8:] == data
    more = {p[IP].frag: bool(p[IP].flags.MF) for p in parts}
    assert [more[f] for f in sorted(more)] == [True, True, False]


def test_a_packet_of_just_the_mtu_is_not_fragmented(narrow):
    got = forwarded(narrow, ALICE.to_router(dst=BOB.ip) / UDP() / Raw(b"x" * 572))
    assert got[IP].len == 600 and not got[IP].flags.MF


# What must be discarded (RFC 1812 5.2.2, 5.3.4, 5.3.5, 5.3.7)


@pytest.mark.parametrize("fields,reason", [
    ({"chksum": 0x1234}, "ip_checksum"), ({"version": 6}, "ip_version"), ({"version": 5}, "ip_version"),
    ({"ihl": 4}, "ip_header_length"), ({"len": 19}, "ip_short"), ({"len": 1400}, "ip_short"),
    ({"ihl": 15}, "ip_short")])
def test_bad_headers_are_dropped_in_silence(router, fields, reason):
    """RFC 1812 5.2.2."""
    silently_dropped(router, ALICE.to_router(dst=BOB.ip, **fields) / probe(), reason)


@pytest.mark.parametrize("src", ["0.0.0.5", "127.0.0.1", "224.0.0.9", "240.0.0.1", "255.255.255.255",
                                 "192.0.2.255", "192.0.2.0", "169.254.1.1"])
def test_martian_sources_are_dropped_in_silence(router, src):
    """RFC 1812 5.3.7, RFC 3927 7."""
    packet = Ether(src=ALICE.mac, dst=PORT[0]) / IP(src=src, dst=BOB.ip) / probe()
    silently_dropped(router, packet, "martian_source")


@pytest.mark.parametrize("dst", ["0.0.0.5", "127.0.0.1", "240.0.0.1", "169.254.1.1"])
def test_martian_destinations_are_dropped_in_silence(router, dst):
    silently_dropped(router, ALICE.to_router(dst=dst) / probe(), "martian_destination")


@pytest.mark.parametrize("dst,reason", [("255.255.255.255", "broadcast"), ("198.51.100.255", "broadcast"),
                                        ("224.0.0.5", "multicast"), ("239.1.2.3", "multicast")])
def test_broadcasts_and_multicasts_are_not_forwarded(router, dst, reason):
    """RFC 1812 5.3.5.1; RFC 2644: directed broadcasts are off."""
    silently_dropped(router, ALICE.to_router(dst=dst) / probe(), reason)


def test_frames_for_other_stations_are_not_routed(router):
    packet = ALICE.to_router(dst=BOB.ip) / probe()
    packet.dst = "02:00:00:00:0c:0c"
    router.wires[0].send(packet)        # the port may filter it, or the router
    nothing(router)


# ARP (RFC 826, RFC 1812 3.3.2, RFC 5227)


def test_arp_is_answered(router):
    router.wires[0].send(Ether(src=ALICE.mac, dst=BROADCAST) / ARP(op=1, hwsrc=ALICE.mac, psrc=ALICE.ip, pdst="192.0.2.1"))
    reply = Ether(router.wires[0].expect(has(ARP, op=2)))
    assert (reply.dst, reply[ARP].hwsrc, reply[ARP].psrc, reply[ARP].hwdst, reply[ARP].pdst) == (
        ALICE.mac, PORT[0], "192.0.2.1", ALICE.mac, ALICE.ip)
    assert len(reply) >= 42


def test_arp_for_others_is_not_answered(router):
    """No proxy ARP."""
    for ip in ("192.0.2.77", "198.51.100.1", "198.51.100.2"):
        router.wires[0].send(Ether(src=ALICE.mac, dst=BROADCAST)
                             / ARP(op=1, hwsrc=ALICE.mac, psrc=ALICE.ip, pdst=ip))
    nothing(router)


def test_packets_wait_for_arp_and_keep_their_order():
    with Appliance(config=ROUTER) as router:
        introduce(router, ALICE)
        for n in range(3):
            router.wires[0].send(ALICE.to_router(dst=BOB.ip) / probe(n))
        answer_arp(router, BOB)
        got = [f for f in quiet_before_marker(router)[1] if f[12:14] == b"\x08\x00"]
        assert [b"probe %d" % n in f for n, f in enumerate(got)] == [True] * 3


def test_arp_is_tried_more_than_once():
    with Appliance(config=ROUTER) as router:
        introduce(router, ALICE)
        router.wires[0].send(ALICE.to_router(dst=BOB.ip) / probe())
        router.wires[1].expect(is_arp_request_for(BOB.ip))
        router.wires[1].expect(is_arp_request_for(BOB.ip))


def test_addresses_are_announced():
    """Gratuitous ARP, RFC 5227 2.3: when a port gets an address, neighbors hear of it."""
    with Appliance(config="forward l3\n") as router:
        router.must("port 0 address 192.0.2.1/24")
        announced = Ether(router.wires[0].expect(has(ARP, psrc="192.0.2.1")))
        assert announced[ARP].pdst == "192.0.2.1" and announced[ARP].hwsrc == PORT[0]


def test_a_static_neighbor_needs_no_arp():
    with Appliance(config=ROUTER + "neighbor add 198.51.100.2 %s port 1\n" % BOB.mac) as router:
        introduce(router, ALICE)
        router.wires[0].send(ALICE.to_router(dst=BOB.ip) / probe())
        assert Ether(router.wires[1].expect(is_probe())).dst == BOB.mac


def test_neighbors_are_shown(router):
    text = router.must("show neighbors")
    assert ALICE.ip in text and BOB.mac in text


# Console


def test_ping_from_the_console(router):
    router.type("ping 198.51.100.2 count 3\n")
    for _ in range(3):
        request = Ether(router.wires[1].expect(has(IP, ICMP, type=8)))
        assert checksums_hold(request)
        router.wires[1].send(Ether(src=BOB.mac, dst=request.src) / IP(src=BOB.ip, dst=request[IP].src)
                             / ICMP(type=0, id=request[ICMP].id, seq=request[ICMP].seq)
                             / Raw(bytes(request[ICMP])[8:]))
    text = router.read_until(r"(.*?)millrace> \Z").group(1)
    assert re.search(r"3 .*3 ", text), text


def test_ping_of_nobody_ends(router):
    text = router.command("ping 198.51.100.99 count 1")
    assert "millrace" not in text and re.search(r"\b0\b|100 ?%|unreachable|no answer", text), text


def test_the_address_goes_and_so_does_the_route():
    with Appliance(config=ROUTER) as router:
        router.must("port 1 no address 198.51.100.1/24")
        assert "198.51.100.0/24" not in router.must("show routes")
        introduce(router, ALICE)
        answered_with(router, ALICE.to_router(dst=BOB.ip) / probe(), 3, 0)
