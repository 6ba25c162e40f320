"""Scans and lies fill the neighbor table, of either family: who is known goes on being served, and others are still asked
for (unread: RFC 6583)."""
import re
import time

import pytest
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6

import addresses
import test_l3v6 as v6
from addresses import ARP, BROADCAST, Ether, UDP, has, introduce
from qemu import COMMAND_LIMIT, Appliance, check_law, where_frames_went

CONFIG = """\
port 0 address 192.0.2.1/24
port 0 address 10.9.0.1/16
port 0 address 2001:db8:a::1/64
port 1 address 198.51.100.1/24
port 1 address 10.8.0.1/16
port 1 address 2001:db8:b::1/64
forward l3
"""
BATCH = 16


LIAR = "02:00:00:01:00:00"
ROUTERS_GROUP = v6.solicited_node("2001:db8:a::1")
# With where n goes, and 65535 - n where a checksum is over n: so it stays as it is.
FRAMES = [
    (addresses.ALICE.to_router(dst="10.8.0.0", id=65535) / UDP() / b"scan", (32,), (18,)),
    (v6.ALICE.to_router(dst="2001:db8:b:0:9::") / UDP() / b"scan", (52,), ()),
    (Ether(src=LIAR, dst=BROADCAST) / ARP(op=1, hwsrc=LIAR, psrc="10.9.0.0", pdst="10.9.0.1"), (10, 26, 30), ()),
    (Ether(src=LIAR, dst=v6.group_mac(ROUTERS_GROUP.packed)) / IPv6(src="2001:db8:a:0:9::", dst=str(ROUTERS_GROUP), hlim=255)
     / ICMPv6ND_NS(tgt="2001:db8:a::1") / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:01:ff:ff"), (10, 36), (84,)),
]
FRAMES = [(bytes(frame).ljust(60, b"\0"), plus, minus) for frame, plus, minus in FRAMES]


def scans_and_lies(n):
    """A packet to a host of port 1 that is not there, and a question of one on port 0, who is learned from that;
    of either family."""
    for template, plus, minus in FRAMES:
        frame = bytearray(template)
        for places, value in ((plus, n), (minus, 65535 - n)):
            for at in places:
                frame[at:at + 2] = value.to_bytes(2, "big")
        yield frame


def arrives(router, number):
    """Between known stations, by both families, in either direction; sent again where the wire was too full for it."""
    text = b"known %08d" % number
    end = time.monotonic() + COMMAND_LIMIT
    missing = [{b"4" + text, b"6" + text}, {b"4" + text, b"6" + text}]
    while any(missing):
        assert time.monotonic() < end, (missing, known(router), where_frames_went(router.stats()))
        router.wires[0].send(addresses.ALICE.to_router(dst=addresses.BOB.ip) / UDP(dport=9) / (b"4" + text),
                             v6.ALICE.to_router(dst=v6.BOB.ip) / UDP(dport=9) / (b"6" + text))
        router.wires[1].send(addresses.BOB.to_router(dst=addresses.ALICE.ip) / UDP(dport=9) / (b"4" + text),
                             v6.BOB.to_router(dst=v6.ALICE.ip) / UDP(dport=9) / (b"6" + text))
        for wire, left in zip(router.wires, missing):
            while left and (frame := wire.receive(2)) is not None:
                left -= {one for one in left if one in frame}
                confirm(wire, frame)


def known(router):
    """What is told of the stations that are known."""
    ours = [station.ip for station in (addresses.ALICE, addresses.BOB, v6.ALICE, v6.BOB)]
    return [line for line in router.must("show neighbors").splitlines() if line.split()[0] in ours]


def confirm(wire, frame):
    """Known stations answer for themselves when they are asked whether they are still there."""
    packet = Ether(frame) if frame[12:14] == b"\x08\x06" or frame[54:55] == b"\x87" else None
    for station in (v6.ALICE, v6.BOB) if packet is not None else ():
        if ICMPv6ND_NS in packet and packet[ICMPv6ND_NS].tgt == station.ip and station.port == wire.number:
            wire.send(station.to_router(dst=packet[IPv6].src, hlim=255)
                      / v6.ICMPv6ND_NA(tgt=station.ip, R=0, S=1, O=1) / v6.ICMPv6NDOptDstLLAddr(lladdr=station.mac))
    for station in (addresses.ALICE, addresses.BOB) if packet is not None else ():
        if ARP in packet and packet[ARP].op == 1 and packet[ARP].pdst == station.ip and station.port == wire.number:
            wire.send(Ether(src=station.mac, dst=packet.src)
                      / ARP(op=2, hwsrc=station.mac, psrc=station.ip, hwdst=packet.src, pdst=packet[ARP].psrc))


def table(router):
    """How many entries there are, and at most."""
    last = router.must("show neighbors").strip().splitlines()[-1]
    return [int(n) for n in re.match(r"(\d+) neighbors, at most (\d+),", last).groups()]


def is_asked_for(router, frame, question):
    """Sent again and again: its first question may find no room."""
    end = time.monotonic() + COMMAND_LIMIT
    while time.monotonic() < end:
        router.wires[0].send(frame)
        while (got := router.wires[1].receive(0.2)) is not None:
            if question(got):
                return True
            confirm(router.wires[1], got)
    return False


def starve_nobody(nic, **more):
    with Appliance(nics=[nic] * 2, config=CONFIG, **more) as router:
        while "tentative" in router.must("show interfaces"):
            pass
        introduce(router, addresses.ALICE, addresses.BOB)
        v6.introduce(router, v6.ALICE, v6.BOB)
        sent, full, end = 0, None, time.monotonic() + 4 * COMMAND_LIMIT
        while full is None or sent < full + 1024:       # and somebody has to go for each that comes
            for n in range(sent, sent + BATCH):
                router.wires[0].send(*scans_and_lies(256 + n))
            sent += BATCH
            arrives(router, sent)
            if full is None and sent % 1024 == 0:
                count, most = table(router)
                full = sent if count > most - 64 else None
            assert sent < 60000 and time.monotonic() < end, (sent, count)
        assert len(known(router)) == 4
        assert is_asked_for(router, addresses.ALICE.to_router(dst="198.51.100.77") / UDP() / b"new",
                            addresses.is_arp_request_for("198.51.100.77"))
        assert is_asked_for(router, v6.ALICE.to_router(dst="2001:db8:b::77") / UDP() / b"new",
                            has(ICMPv6ND_NS, tgt="2001:db8:b::77"))
        arrives(router, 99999999)
        check_law(router.settled(0))


@pytest.mark.parametrize("nic", ["virtio", "igb"])
def test_scans_and_lies_starve_nobody_who_is_known(nic):
    starve_nobody(nic)
