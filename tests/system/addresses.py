"""Who is who in the tests' networks (RFC 5737), and frames between them."""
import itertools

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from qemu import port_mac

ROUTER = """\
port 0 address 192.0.2.1/24
port 1 address 198.51.100.1/24
route add 203.0.113.0/24 via 198.51.100.2
forward l3
"""

PORT = [port_mac(n) for n in range(4)]
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Station:
    def __init__(self, port, mac, ip):
        self.port, self.mac, self.ip = port, mac, ip
        self.gateway = {0: "192.0.2.1", 1: "198.51.100.1"}[port]

    def to_router(self, **fields):
        """An Ethernet and IP header towards the router."""
        return Ether(src=self.mac, dst=PORT[self.port]) / IP(src=self.ip, **fields)


ALICE = Station(0, "02:00:00:00:0a:02", "192.0.2.2")
BOB = Station(1, "02:00:00:00:0b:02", "198.51.100.2")


def is_arp_request_for(ip):
    def wanted(frame):
        packet = Ether(frame)
        return ARP in packet and packet[ARP].op == 1 and packet[ARP].pdst == ip
    return wanted


def has(*layers, **fields):
    """A filter for Wire.expect: all layers there, and fields of the last one as given."""
    def wanted(frame):
        packet = Ether(frame)
        return (all(layer in packet for layer in layers)
                and all(getattr(packet[layers[-1]], name) == value for name, value in fields.items()))
    return wanted


def answer_arp(appliance, station):
    """Waits for the router to ask for the station, and answers."""
    request = Ether(appliance.wires[station.port].expect(is_arp_request_for(station.ip)))
    appliance.wires[station.port].send(
        Ether(src=station.mac, dst=request.src)
        / ARP(op=2, hwsrc=station.mac, psrc=station.ip, hwdst=request[ARP].hwsrc, pdst=request[ARP].psrc))


def introduce(appliance, *stations):
    """Lets the router learn stations, through a request it must answer."""
    for station in stations:
        wire = appliance.wires[station.port]
        wire.send(Ether(src=station.mac, dst=BROADCAST)
                  / ARP(op=1, hwsrc=station.mac, psrc=station.ip, pdst=station.gateway))
        wire.expect(has(ARP, op=2, psrc=station.gateway))


def probe(number=0):
    return UDP(sport=49152, dport=9) / (b"probe %d" % number)


def is_probe(number=0):
    text = b"probe %d" % number
    return lambda frame: text in frame


def quiet_before_marker(router):
    """What came to either wire before a marker that goes the router's slow path, as all goes that makes it
    send frames of its own: ALICE's ping comes back, and her packet with an option gets to BOB."""
    text = b"marker %08d" % next(markers)
    a, b = router.wires[:2]
    a.send(ALICE.to_router(dst=BOB.ip, options=NOPS) / UDP(sport=49153, dport=9) / text.ljust(60, b"."),
           ALICE.to_router(dst=ALICE.gateway) / ICMP(type=8, id=0x6d61) / text.ljust(60, b"."))
    return a.before(lambda frame: text in frame), b.before(lambda frame: text in frame)


markers = itertools.count()
NOPS = b"\x01\x01\x01\x01"      # RFC 791 3.1: an option that says nothing

__all__ = ["ALICE", "ARP", "BOB", "BROADCAST", "Ether", "ICMP", "IP", "PORT", "ROUTER", "UDP",
           "answer_arp", "has", "introduce", "is_arp_request_for", "is_probe", "probe", "quiet_before_marker"]
