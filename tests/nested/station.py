"""A station on the wire of the 82576, outside of everything."""
import time

from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
EXPERIMENTAL = 0x88b5
TURN = 1.0      # seconds that an answer may take before the question is asked again
TURNS = 60      # limit against hanging


class Station:
    """vlan: its frames are tagged with it on the wire, and none without that tag are for it."""

    def __init__(self, wire, mac, ip, gateway, vlan=None):
        self.wire, self.mac, self.ip, self.gateway, self.vlan = wire, mac, ip, gateway, vlan
        self.sequence = 0
        self.seen = []      # what came off the wire while this station waited for something

    def send(self, payload, dst=BROADCAST, src=None):
        """payload: a packet of scapy, or bytes, which go as IEEE 802's local experimental type."""
        plain = isinstance(payload, bytes)
        frame = Ether(src=src or self.mac, dst=dst) / (Raw(payload) if plain else payload)
        if plain:
            frame.type = EXPERIMENTAL
        frame = bytes(frame)
        if self.vlan:       # IEEE 802.1Q 9.4: behind the addresses
            frame = frame[:12] + bytes.fromhex("8100%04x" % self.vlan) + frame[12:]
        self.wire.send(frame)

    def receive(self, wanted, timeout=TURN):
        """The first frame in this station's VLAN for which wanted(packet) holds; None when none comes."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            frame = self.wire.receive(left)
            if frame is not None:
                packet = Ether(frame)
                self.seen.append(packet)
                if self.is_here(packet) and wanted(packet):
                    return packet
        return None

    def is_here(self, packet):
        return (packet[Dot1Q].vlan if Dot1Q in packet else None) == self.vlan

    def ask(self):
        self.send(ARP(op=1, hwsrc=self.mac, psrc=self.ip, pdst=self.gateway))

    def is_answer(self, packet):
        return (ARP in packet and packet[ARP].op == 2 and packet[ARP].psrc == self.gateway
                and packet[ARP].pdst == self.ip)

    def resolve(self):
        """Asks for the gateway's MAC, once; None when there is no answer."""
        self.ask()
        answer = self.receive(self.is_answer)
        return answer and answer[ARP].hwsrc

    def ping(self, target=None, size=56):
        """Asks once; the MAC that answered, None when there is no answer."""
        mac = self.resolve()
        if not mac:
            return None
        self.sequence += 1
        echo = IP(src=self.ip, dst=target or self.gateway) / ICMP(id=7, seq=self.sequence)
        self.send(echo / bytes(size), mac)
        answer = self.receive(lambda p: ICMP in p and p[ICMP].type == 0 and p[ICMP].seq == self.sequence
                              and p[IP].dst == self.ip)
        return answer and answer.src

    def reaches(self, target=None, turns=TURNS, size=56):
        """Asks until there is an answer; the MAC that answered.  How many turns it took is in `turns`."""
        for self.turns in range(1, turns + 1):
            mac = self.ping(target, size)
            if mac:
                return mac
        raise AssertionError("no answer from %s in %d turns" % (target or self.gateway, turns))

    def heard_nothing_before(self, other):
        """Whether the gateway left this station's question alone, which was asked before the other station
        asks: that one is answered by the same way."""
        other.seen.clear()
        other.reaches()
        return not any(self.is_here(p) and self.is_answer(p) for p in other.seen)

    def gets(self, other, payload, dst=BROADCAST, src=None):
        """Another station sends it until it is here; the frame as it came."""
        for _ in range(TURNS):
            other.send(payload, dst, src)
            packet = self.receive(lambda p: payload in bytes(p))
            if packet:
                return packet
        raise AssertionError("a frame to %s did not come in %d turns" % (dst, TURNS))


__all__ = ["BROADCAST", "Ether", "ICMP", "IP", "Station"]
