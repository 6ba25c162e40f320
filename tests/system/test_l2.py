"""The learning bridge on the wire (IEEE 802.1Q-2018 8.6-8.8); one rule a test."""
import pytest

from addresses import BROADCAST, Ether
from qemu import Appliance

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


def marked(bridge, port, deaf=()):
    """What came to each wire before a marker to all that came in at this port; to the port's own wire,
    before one from another port that was sent when the first had come everywhere."""
    others = [n for n in range(len(bridge.wires)) if n != port and n not in deaf]
    marker = frame("02:00:00:00:ff:%02x" % port, BROADCAST)
    bridge.wires[port].send(marker)
    came = {n: bridge.wires[n].before(marker) for n in others}
    marker = frame("02:00:00:00:ff:%02x" % others[0], BROADCAST)
    bridge.wires[others[0]].send(marker)
    for n in [port] + others[1:]:
        came[n] = came.get(n, []) + bridge.wires[n].before(marker)
    return came


def deliver(bridge, port, sent, expected, deaf=()):
    """Sends on one port; exactly the expected ports receive it, unchanged, once.  deaf: no markers get there."""
    bridge.wires[port].send(sent)
    for n, came in marked(bridge, port, deaf).items():
        assert came == ([sent] if n in expected else []), (n, [f.hex() for f in came])


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
    deliver(bridge, 0, frame(group, stations[1]), [])
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
    deliver(bridge, 0, frame(b, a), [1], deaf=[2])
    bridge.must("port 2 up")
    deliver(bridge, 0, frame(b, BROADCAST), [1, 2])         # and of the one before nothing


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
        bridge.settled(20000)
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
        stats = appliance.settled(1, port=4)
        assert stats["ports"][4]["drops"]["no_peer"] == 1
        assert [p["tx_packets"] for p in stats["ports"]] == [1, 1, 1, 1, 0]


def test_stop_drops_and_counts(bridge, stations):
    bridge.must("stop")
    before = bridge.stats()["ports"][0]
    bridge.wires[0].send(frame(stations[0], stations[1]))
    after = bridge.settled(before["rx_packets"] + 1)["ports"][0]
    assert after["drops"]["stopped"] == before["drops"]["stopped"] + 1
    bridge.must("start")
    deliver(bridge, 0, frame(stations[0], stations[1]), [1, 2])     # and nothing of the one before
