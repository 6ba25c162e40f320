"""Tags on every kind of port: access ports, and what a bridge carries through (IEEE 802.1Q)."""
import pytest

from qemu import Appliance, check_law

KINDS = ("virtio", "e1000", "e1000e", "igb", "vmxnet3")


def frame(size, n=0, source=1, destination=2):
    addresses = bytes([2, 0, 0, 0, 0x77, destination, 2, 0, 0, 0, 0x77, source])
    body = b"\x88\xb5" + n.to_bytes(4, "big")
    return (addresses + body).ljust(size, bytes([n & 255]))


def back(size, n=0):
    return frame(size, n, source=2, destination=1)


def tagged(inner, vid, priority=0, tpid=0x8100):
    """IEEE 802.1Q 9.6: the tag stands between the addresses and what follows."""
    return inner[:12] + tpid.to_bytes(2, "big") + (priority << 13 | vid).to_bytes(2, "big") + inner[12:]


def settled(appliance):
    """The statistics when every frame has been counted."""
    stats = appliance.stats()
    check_law(stats)
    return stats["ports"]


@pytest.mark.parametrize("nic", KINDS)
def test_access_port(nic):
    """Port 0 is in VLAN 5: tagged on its wire, untagged in the appliance and on port 1's wire."""
    with Appliance(nics=[nic] * 2, config="port 0 vlan 5\nforward l2\n") as appliance:
        access, trunk = appliance.wires
        for n, size in enumerate((60, 64, 590, 1514, 1518)):
            access.send(tagged(frame(size, n), 5, priority=n))
            assert trunk.receive() == frame(size, n), size
            trunk.send(back(size, n + 100))
            assert access.receive() == tagged(back(size, n + 100), 5), size
        # a tag of somebody else's inside ours is carried like any other bytes
        access.send(tagged(tagged(frame(100), 7), 5))
        assert trunk.receive() == tagged(frame(100), 7)
        # others are dropped and counted: another VLAN's, a priority alone, a provider's, none
        others = (tagged(frame(100), 6), tagged(frame(100), 0, priority=3), tagged(frame(100), 4094),
                  tagged(frame(100), 5, tpid=0x88a8), frame(100))
        access.send(*others)
        access.send(tagged(frame(64, 9), 5))
        assert trunk.receive() == frame(64, 9)
        ports = settled(appliance)
        assert ports[0]["drops"]["vlan"] == ports[0]["rx_dropped"] == len(others)
        assert ports[0]["rx_packets"] == 7 + len(others) and ports[0]["rx_errors"] == 0
        assert "port 0 vlan 5" in appliance.must("show config")


@pytest.mark.parametrize("nic", KINDS)
def test_two_tags_pass_a_bridge_on_top_of_the_mtu(nic):
    """802.1Q, 802.1ad: 1500 octets under a customer's and a provider's tag, at MTU 1500, both ways."""
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        a, b = appliance.wires
        for outer in (0x8100, 0x88a8):
            for n, size in enumerate((60, 1513, 1514)):
                there = tagged(tagged(frame(size, n), 7, priority=1), 100, tpid=outer)
                a.send(there)
                assert b.receive() == there, size
                here = tagged(tagged(back(size, n), 7), 100, tpid=outer)
                b.send(here)
                assert a.receive() == here, size
        assert len(there) == 1522
        for port in settled(appliance):
            assert not any(port[k] for k in ("rx_dropped", "tx_dropped", "rx_errors", "rx_missed"))


@pytest.mark.parametrize("nic", KINDS)
def test_a_vlan_that_is_left_leaves_no_frame_untagged(nic):
    """What is on its way when the port is taken out of its VLAN has its tag, or is not there."""
    with Appliance(nics=[nic] * 2, config="port 0 vlan 5\nforward l2\nstop\n") as appliance:
        a, b = appliance.wires
        appliance.must("start")
        a.send(*[tagged(frame(100, n), 5) for n in range(20)])
        appliance.must("port 0 vlan 0")
        a.send(*[tagged(frame(100, n), 5) for n in range(20, 40)])
        a.send(frame(100, 99))
        got = []
        while not got or got[-1] != frame(100, 99):
            got.append(b.receive())
        tags = [f == tagged(f[:12] + f[16:], 5) for f in got[:-1]]
        assert tags == sorted(tags)  # first those that left without it, then all with it
        assert len(tags) == 40 and all(tags[20:])
