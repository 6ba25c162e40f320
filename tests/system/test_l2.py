"""The learning bridge on the wire (IEEE 802.1Q-2018 8.6-8.8); one rule a test."""
import pytest

from addresses import BROADCAST, Ether
from qemu import QUIET, Appliance

pytestmark = pytest.mark.usefixtures("quiet")
number = iter(range(1 << 30))


def mac(n):
    return "02:00:00:01:%02x:%02x" % (n >> 8, n & 255)


def frame(src, dst, size=60):
    body = b"frame %8d " % next(number)
    return bytes(Ether(src=src, dst=dst, type=0x88b5) / body.ljust(size - 14, b"."))


@pytest.fixture
def stations():
    """Three addresses that no test used before."""
    return [mac(next(number) % 65536) for _ in range(3)]


def nothing(wire):
    left = wire.drain(QUIET)
    assert left == [], [f.hex() for f in left]


def deliver(bridge, port, sent, expected):
    """Sends on one port; exactly the expected ports receive it, unchanged, once."""
    bridge.wires[port].send(sent)
    for n in expected:
        assert bridge.wires[n].receive() == sent
    for wire in bridge.wires:
        nothing(wire)


def test_unknown_destinations_are_flooded_but_not_back(bridge, stations):
    deliver(bridge, 0, frame(stations[0], stations[1]), [1, 2])


def test_learned_destinations_go_to_their_port_only(bridge, stations):
    a, b, _ = stations
    deliver(bridge, 1, frame(b, BROADCAST), [0, 2])
    deliver(bridge, 0, frame(a, b), [1])
    deliver(bridge, 1, frame(b, a), [0])


def test_a_destination_on_the_port_it_came_from_goes_nowhere(bridge, stations):
    a, b, _ = stations
    deliver(bridge, 0, frame(a, BROADCAST), [1, 2])
    deliver(bridge, 0, frame(b, a), [])


def test_a_station_that_moves_is_followed_at_once(bridge, stations):
    a, b, _ = stations
    deliver(bridge, 0, frame(a, BROADCAST), [1, 2])
    deliver(bridge, 2, frame(a, BROADCAST), [0, 1])
    deliver(bridge, 1, frame(b, a), [2])


@pytest.mark.parametrize("dst", [BROADCAST, "01:00:5e:00:00:fb", "33:33:00:00:00:01"])
def test_group_addresses_are_flooded(bridge, stations, dst):
    deliver(bridge, 0, frame(stations[0], dst), [1, 2])


@pytest.mark.parametrize("last", range(16))
def test_reserved_addresses_are_never_forwarded(bridge, stations, last):
    """IEEE 802.1Q-2018 table 8-1: 01-80-C2-00-00-00 to -0F."""
    deliver(bridge, 0, frame(stations[0], "01:80:c2:00:00:%02x" % last), [])


def test_the_address_after_the_reserved_ones_is_forwarded(bridge, stations):
    deliver(bridge, 0, frame(stations[0], "01:80:c2:00:00:10"), [1, 2])


def test_group_source_addresses_are_not_learned(bridge, stations):
    """IEEE 802.1Q-2018 8.7: only individual addresses are learned."""
    group = "03:00:00:00:00:05"
    bridge.wires[0].send(frame(group, stations[1]))
    for wire in bridge.wires:
        wire.drain()
    assert group not in bridge.must("show fdb")


def test_static_entries_override_and_stay(bridge, stations):
    a, b, _ = stations
    bridge.must("fdb add %s port 2" % a)
    deliver(bridge, 0, frame(a, BROADCAST), [1, 2])         # does not move it
    deliver(bridge, 1, frame(b, a), [2])
    bridge.must("fdb delete %s" % a)
    deliver(bridge, 1, frame(b, a), [0, 2])


def test_a_port_that_goes_down_is_forgotten(bridge, stations):
    a, b, _ = stations
    deliver(bridge, 2, frame(a, BROADCAST), [0, 1])
    assert a in bridge.must("show fdb")
    bridge.must("port 2 down")
    assert a not in bridge.must("show fdb")
    deliver(bridge, 0, frame(b, a), [1])
    bridge.must("port 2 up")
    deliver(bridge, 0, frame(b, BROADCAST), [1, 2])


@pytest.mark.parametrize("size", [60, 61, 64, 128, 511, 512, 1024, 1280, 1514, 1518])
def test_every_size_passes_unchanged(bridge, stations, size):
    deliver(bridge, 0, frame(stations[0], stations[1], size), [1, 2])


def test_vlan_tagged_frames_pass_unchanged(bridge, stations):
    """IEEE 802.1Q-2018 6.16: a VLAN-unaware bridge looks at no tag."""
    sent = frame(stations[0], stations[1])
    tagged = sent[:12] + b"\x81\x00\x00\x05" + sent[12:]
    deliver(bridge, 0, tagged, [1, 2])


def test_the_table_says_when_it_is_full():
    """More stations than any table here holds: the bridge goes on, and says so."""
    with Appliance(config="forward l2\n") as bridge:
        wire = bridge.wires[0]
        for n in range(20000):
            wire.send(bytes(Ether(src="02:01:00:%02x:%02x:%02x" % (n >> 16, n >> 8 & 255, n & 255),
                                  dst=BROADCAST, type=0x88b5)) + bytes(46))
        bridge.wires[1].drain(1.0)
        assert "full" in bridge.command("show fdb") or "full" in bridge.command("show log")
        sent = frame(mac(1), mac(2))
        wire.send(sent)
        bridge.wires[1].expect(lambda f: f == sent)


@pytest.mark.parametrize("mode,swapped", [("io", False), ("macswap", True)])
def test_pairs(mode, swapped):
    """0-1 and 2-3 are pairs; the fifth port has no peer."""
    with Appliance(nics=["virtio"] * 5, config="forward %s\n" % mode) as appliance:
        for port, peer in ((0, 1), (1, 0), (2, 3), (3, 2)):
            sent = frame(mac(port), mac(peer))
            appliance.wires[port].send(sent)
            expected = sent[6:12] + sent[:6] + sent[12:] if swapped else sent
            assert appliance.wires[peer].receive() == expected
        appliance.wires[4].send(frame(mac(4), mac(5)))
        for wire in appliance.wires:
            nothing(wire)
        assert appliance.stats()["ports"][4]["drops"]["no_peer"] == 1


def test_stop_drops_and_counts(bridge, stations):
    bridge.must("stop")
    before = bridge.stats()["ports"][0]["drops"].get("stopped", 0)
    deliver(bridge, 0, frame(stations[0], stations[1]), [])
    assert bridge.stats()["ports"][0]["drops"].get("stopped", 0) in (before, before + 1)
    bridge.must("start")
    bridge.wires[0].drain(), bridge.wires[1].drain(), bridge.wires[2].drain()
    deliver(bridge, 0, frame(stations[0], stations[1]), [1, 2])
