"""Frames that nobody should send: each is dropped or passed on, and forwarding goes on."""
import random

import pytest

from addresses import (ALICE, ARP, BOB, BROADCAST, Ether, ICMP, PORT, ROUTER, UDP, introduce, is_probe,
                       probe)
from qemu import Appliance, check_law

A, B = ALICE.mac, BOB.mac
HEAD = bytes(Ether(src=A, dst=PORT[0], type=0x800))
GOOD = bytes(ALICE.to_router(dst=BOB.ip) / UDP(sport=1, dport=9) / b"payload")
ARP_GOOD = bytes(Ether(src=A, dst=BROADCAST) / ARP(op=1, hwsrc=A, psrc=ALICE.ip, pdst="192.0.2.1"))


def with_byte(frame, at, value):
    return frame[:at] + bytes([value]) + frame[at + 1:]


def cut(frame):
    return [frame[:n] for n in range(1, len(frame))]


KINDS = {
    "runts": cut(HEAD + bytes(10)),
    "truncated ARP": cut(ARP_GOOD),
    "ARP with every byte wrong": [with_byte(ARP_GOOD, n, ARP_GOOD[n] ^ 0xff) for n in range(12, 42)],
    "ARP from a group address": [bytes(Ether(src=A, dst=BROADCAST) / ARP(op=1, hwsrc="01:00:00:00:00:01",
                                                                         psrc=ALICE.ip, pdst="192.0.2.1"))],
    "ARP in the name of the router": [bytes(Ether(src=A, dst=BROADCAST)
                                            / ARP(op=1, hwsrc=A, psrc="192.0.2.1", pdst="192.0.2.1"))],
    "truncated IP": cut(GOOD),
    "IP with every byte wrong": [with_byte(GOOD, n, GOOD[n] ^ 0xff) for n in range(14, 42)],
    "IP with absurd lengths": [bytes(ALICE.to_router(dst=BOB.ip, len=n) / UDP())
                               for n in (0, 1, 19, 20, 27, 29, 1500, 1501, 9000, 65535)],
    "IP with absurd options": [bytes(ALICE.to_router(dst=BOB.ip, ihl=6) / UDP())[:34] + option + bytes(8)
                               for option in (b"\x83\x00\0\0", b"\x83\xff\0\0", b"\x07\x01\0\0", b"\x44\x02\x05\0",
                                              b"\x89\x03\x04\0", b"\x94\x04\0\0", b"\xff\xff\xff\xff")],
    "overlapping fragments": [bytes(ALICE.to_router(dst=BOB.ip, frag=n, flags=f) / (b"x" * 64))
                              for n in (0, 1, 8185, 8191) for f in (0, 1)],
    "ICMP of every type": [bytes(ALICE.to_router(dst="192.0.2.1") / ICMP(type=t, code=c))
                           for t in range(0, 256, 5) for c in (0, 255)],
    "truncated ICMP": [bytes(ALICE.to_router(dst="192.0.2.1", proto=1)) + bytes(n) for n in range(8)],
    "UDP with absurd lengths": [bytes(ALICE.to_router(dst="192.0.2.1") / UDP(dport=9, len=n))
                                for n in (0, 1, 7, 9, 65535)],
    "VLAN tags": [HEAD[:12] + b"\x81\x00" * n + b"\x00\x01\x08\x00" + GOOD[14:] for n in range(1, 5)],
    "length fields": [HEAD[:12] + n.to_bytes(2, "big") + bytes(46) for n in (0, 1, 46, 1500, 1501, 1535)],
    "every EtherType in steps": [HEAD[:12] + n.to_bytes(2, "big") + bytes(46) for n in range(0x600, 0x10000, 509)],
    "IPv6": [HEAD[:12] + b"\x86\xdd" + bytes([0x60]) + bytes(n) for n in (0, 39, 40, 100)],
    "zero, group and own sources": [bytes(Ether(src=src, dst=PORT[0], type=0x800)) + GOOD[14:]
                                    for src in ("00:00:00:00:00:00", BROADCAST, PORT[0])],
    "longer than the MTU": [HEAD + GOOD[14:].ljust(n, b"x") for n in (1504, 1505, 2000, 4000, 9000)],
}


@pytest.fixture(scope="module", params=["virtio", "e1000", "e1000e"])
def router(request):
    with Appliance(nics=[request.param] * 2, config=ROUTER) as appliance:
        introduce(appliance, ALICE, BOB)
        yield appliance


def forwards(router):
    for wire in router.wires:
        wire.drain(0.05)
    introduce(router, ALICE, BOB)
    router.wires[0].send(ALICE.to_router(dst=BOB.ip) / probe(1))
    router.wires[1].expect(is_probe(1))


@pytest.mark.parametrize("kind", KINDS)
def test_forwarding_survives(router, kind):
    before = router.stats()
    router.wires[0].send(*KINDS[kind])
    forwards(router)
    after = router.stats()
    check_law(after)
    taken = [after["ports"][0][k] - before["ports"][0][k] for k in ("rx_packets", "rx_errors", "rx_missed")]
    print(kind, len(KINDS[kind]), "sent:", dict(zip(("rx_packets", "rx_errors", "rx_missed"), taken)))


def test_random_frames(router):
    random.seed(1812)
    for _ in range(2000):
        frame = bytearray(random.choice((GOOD, ARP_GOOD)))
        for _ in range(random.randrange(1, 6)):
            frame[random.randrange(6, len(frame))] = random.randrange(256)
        router.wires[0].send(bytes(frame[:random.randrange(14, len(frame) + 1)]))
    forwards(router)
    check_law(router.stats())


def test_the_bridge_survives_them_all():
    with Appliance(config="forward l2\n") as bridge:
        for frames in KINDS.values():
            bridge.wires[0].send(*frames)
        bridge.wires[1].drain()
        sent = bytes(Ether(src=A, dst=B, type=0x88b5)) + bytes(46)
        bridge.wires[0].send(sent)
        bridge.wires[1].expect(lambda f: f == sent)
        check_law(bridge.stats())
