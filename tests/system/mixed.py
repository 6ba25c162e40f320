"""IPv4, IPv6 and tags at once: stations in five places, each of which sends to all others by both families, and noise
beside that.  Four ports: a trunk of routed VLANs, a routed port, and a VLAN-aware bridge with an interface of its own."""
import ipaddress
import itertools
import struct
import time
import zlib

from addresses import ARP, BROADCAST, Ether, PORT, has
from qemu import FRAME_LIMIT, check_law, where_frames_went
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import Dot1Q

CONFIG = """\
interface add 0.10
interface add 0.20
interface 0.10 address 10.10.0.1/24
interface 0.10 address 2001:db8:10::1/64
interface 0.20 address 10.20.0.1/24
interface 0.20 address 2001:db8:20::1/64
port 1 address 10.1.0.1/24
port 1 address 2001:db8:1::1/64
bridge add lan
bridge lan vlan-aware on
bridge lan port 2
bridge lan port 2 vlan 30 untagged
bridge lan port 3
bridge lan port 3 vlan 30 tagged
interface add lan.30
interface lan.30 address 10.30.0.1/24
interface lan.30 address 2001:db8:30::1/64
forward l3
"""
MAGIC = b"mixed"
PROTOCOL = 253      # for experiments (RFC 3692): a payload without a checksum
SIZES = (46, 46, 200, 46, 1458, 64)


class Station:
    def __init__(self, n, wire, vid, net, gateway_mac):
        self.wire, self.vid, self.net, self.gateway_mac = wire, vid, net, gateway_mac
        self.mac = "02:00:00:00:0c:%02x" % n
        self.ip, self.gateway = "10.%d.0.%d" % (net, n), "10.%d.0.1" % net
        self.ip6, self.gateway6 = "2001:db8:%d::%d" % (net, n), "2001:db8:%d::1" % net

    def head(self, destination, ethertype):
        tag = struct.pack(">HH", 0x8100, self.vid) if self.vid else b""
        return raw(destination) + raw(self.mac) + tag + struct.pack(">H", ethertype)

    def tagged(self, ether):
        return ether / Dot1Q(vlan=self.vid) if self.vid else ether


STATIONS = [Station(2, 0, 10, 10, PORT[0]), Station(3, 0, 20, 20, PORT[0]), Station(4, 1, 0, 1, PORT[1]),
            Station(5, 2, 0, 30, PORT[2]), Station(6, 3, 30, 30, PORT[2])]


def raw(mac):
    return bytes.fromhex(mac.replace(":", ""))


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(header):
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


class Stream:
    """What one station sends to another by one family, numbered."""

    def __init__(self, number, source, destination, ipv6):
        self.number, self.source, self.destination, self.ipv6 = number, source, destination, ipv6
        self.bridged = source.net == destination.net
        self.sent = self.received = 0

    def payload(self, n):
        size = SIZES[(n + self.number) % len(SIZES)]
        head = MAGIC + struct.pack(">BI", self.number, n)
        return head + struct.pack(">I", zlib.crc32(head)) * ((size - len(head)) // 4)

    def packet(self, n, hops):
        data, a, b = self.payload(n), self.source, self.destination
        if self.ipv6:
            return struct.pack(">IHBB", 6 << 28, len(data), PROTOCOL, hops) + address(a.ip6) + address(b.ip6) + data
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), n & 0xffff, 0, hops, PROTOCOL, 0) \
            + address(a.ip) + address(b.ip)
        return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + data

    def next(self):
        to = self.destination.mac if self.bridged else self.source.gateway_mac
        self.sent += 1
        return self.source.head(to, 0x86dd if self.ipv6 else 0x0800) + self.packet(self.sent, 64)

    def arrives(self, wire, frame, may_miss):
        """Each is the next one, as it should be on that wire."""
        at = frame.index(MAGIC) + len(MAGIC) + 1
        n = struct.unpack(">I", frame[at:at + 4])[0]
        assert n > self.received if may_miss else n == self.received + 1, (self.number, n, self.received)
        self.received = n
        assert wire == self.destination.wire
        tag = struct.pack(">HH", 0x8100, self.destination.vid) if self.destination.vid else b""
        ethertype = struct.pack(">H", 0x86dd if self.ipv6 else 0x0800)
        source = self.source.mac if self.bridged else self.destination.gateway_mac
        wanted = raw(self.destination.mac) + raw(source) + tag + ethertype \
            + self.packet(n, 64 if self.bridged else 63)
        assert frame[:len(wanted)] == wanted and len(frame) <= max(len(wanted), 64), frame.hex()


def streams(first):
    """By their numbers, which begin with `first`: what is still under way of others is nobody's."""
    pairs = itertools.product(itertools.permutations(STATIONS, 2), (False, True))
    return {n: Stream(n, a, b, ipv6) for n, ((a, b), ipv6) in enumerate(pairs, first)}


def solicited(text):
    return "ff02::1:ff00:%x" % int(text.rsplit(":", 1)[1], 16)


def introduce(appliance):
    """The router learns every station by both families, the bridge where it is."""
    while "tentative" in appliance.must("show interfaces"):
        pass
    for s in STATIONS:
        wire = appliance.wires[s.wire]
        wire.send(s.tagged(Ether(src=s.mac, dst=BROADCAST)) / ARP(op=1, hwsrc=s.mac, psrc=s.ip, pdst=s.gateway))
        wire.expect(has(ARP, op=2, psrc=s.gateway))
        group = solicited(s.gateway6)
        wire.send(s.tagged(Ether(src=s.mac, dst="33:33:ff:00:00:01")) / IPv6(src=s.ip6, dst=group, hlim=255)
                  / ICMPv6ND_NS(tgt=s.gateway6) / ICMPv6NDOptSrcLLAddr(lladdr=s.mac))
        wire.expect(has(ICMPv6ND_NA, tgt=s.gateway6))
        wire.send(s.tagged(Ether(src=s.mac, dst=s.gateway_mac)) / IPv6(src=s.ip6, dst=s.gateway6, hlim=255)
                  / ICMPv6ND_NA(tgt=s.ip6, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=s.mac))


def noise(n):
    """(wire, frame): of no VLAN, for nowhere, at their end, broken."""
    ten, _, other, access, trunk = STATIONS
    far = struct.pack(">IHBB", 6 << 28, 40, PROTOCOL, 64) + address(ten.ip6) + bytes.fromhex("20010db8ffff") + bytes(10)
    last = Stream(0, other, ten, False).packet(n, 1)
    return [(0, raw(PORT[0]) + raw(ten.mac) + struct.pack(">HHH", 0x8100, 99, 0x0800) + bytes(46)),
            (0, ten.head(PORT[0], 0x86dd) + far + bytes(40)),
            (1, other.head(PORT[1], 0x0800) + last),
            (1, other.head(PORT[1], 0x86dd) + bytes(60)),
            (2, access.head(PORT[2], 0x0800) + bytes([0x45]) + bytes(60)),
            (3, raw(BROADCAST) + raw(trunk.mac) + struct.pack(">HHH", 0x8100, 50, 0x88b5) + bytes(46))]


NOISE = [{"vlan", "no_route"}, {"ttl_expired", "ip_version"}, {"ip_short", "ip_checksum", "ip_header_length"}, {"vlan"}]


def flow_of(frame):
    """The number of a stream; None: something else, an error that quotes it perhaps."""
    at = 16 if frame[12:14] == b"\x81\x00" else 12
    ipv6 = frame[at:at + 2] == b"\x86\xdd"
    data = at + (42 if ipv6 else 22)
    is_ours = len(frame) > data and frame[at + (8 if ipv6 else 11)] == PROTOCOL and frame[data:].startswith(MAGIC)
    return frame[data + len(MAGIC)] if is_ours else None


def take(appliance, flows, may_miss, timeout):
    """How many came, or come within that time."""
    count = 0
    for wire in appliance.wires:
        while (frame := wire.receive(0.001 if count else timeout)) is not None:
            number = flow_of(frame)
            if number in flows:
                flows[number].arrives(wire.number, frame, may_miss)
                count += 1
    return count


def round_of(appliance, flows, each, n):
    for _ in range(each):
        for flow in flows.values():
            appliance.wires[flow.source.wire].send(flow.next())
    for wire, frame in noise(n):
        appliance.wires[wire].send(frame)


def noise_dropped(stats):
    return [sum(port["drops"].get(reason, 0) for reason in reasons) for port, reasons in zip(stats["ports"], NOISE)]


def carry(appliance, rounds=40, each=3, first=0):
    """Each round is waited for: nothing is lost, changed or overtaken, and the law holds."""
    flows = streams(first)
    introduce(appliance)
    before = noise_dropped(appliance.stats())
    for n in range(rounds):
        round_of(appliance, flows, each, n)
        missing, end = len(flows) * each, time.monotonic() + FRAME_LIMIT
        while missing:
            missing -= take(appliance, flows, False, 0.05)
            assert time.monotonic() < end, (missing, where_frames_went(appliance.stats()))
    assert all(flow.received == flow.sent == rounds * each for flow in flows.values())
    stats = appliance.settled(rounds, 3)
    check_law(stats)
    each_round = [sum(wire == port for wire, _ in noise(0)) for port in range(len(NOISE))]
    each_round[0] -= appliance.filters_vlans()  # the VLAN's
    assert noise_dropped(stats) == [was + rounds * count for was, count in zip(before, each_round)], (
        before, where_frames_went(stats))
    return flows


def flood(appliance, flows, frames=6000):
    """Nothing is waited for: what is lost is told, what arrives is in order and right."""
    for n in range(frames // (2 * len(flows))):
        round_of(appliance, flows, 2, n)
    while take(appliance, flows, True, 0.5):
        pass
    check_law(appliance.settled(1, 3))
