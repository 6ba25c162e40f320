"""Spanning trees with others: Open vSwitch as the neighbor, which speaks RSTP or STP (IEEE 802.1D-2004), and trunks to it."""
import re

import pytest

from addresses import BROADCAST, Ether
from neighbor_switch import Switch, until
from qemu import Appliance, check_law
from test_switching import example
from scapy.layers.l2 import Dot1Q

# Two wires to the neighbor, 0 and 1; a host at port 2.
TWO_WAYS = example("Two wires to the next switch")
RSTP, STP = "rstp_enable=true", "stp_enable=true"


def states(appliance):
    """{port: (role, state)}"""
    text = appliance.must("show bridge lan")
    return {int(n): (role, state)
            for n, role, state in re.findall(r"port (\d+) +up, (\w+) (\w+)", text)}


def frame(text, vid=None):
    head = Ether(src="02:00:00:00:0a:01", dst=BROADCAST)
    head = head / Dot1Q(vlan=vid, type=0x88b5) if vid else Ether(src=head.src, dst=BROADCAST, type=0x88b5)
    return bytes(head / text.ljust(60, b"."))


@pytest.mark.parametrize("protocol, better", ((RSTP, "us"), (RSTP, "them"), (STP, "them")))
def test_a_loop_with_a_neighbor_is_cut(protocol, better):
    priority = {"us": "61440", "them": "4096"}[better]
    key = "rstp-priority" if protocol == RSTP else "stp-priority"
    with Appliance(nics=["virtio"] * 3, config=TWO_WAYS) as appliance:
        with Switch(appliance.wires[:2], [protocol, "other-config:%s=%s" % (key, priority)], ((), ())) as switch:
            if better == "them":
                until(lambda: sorted(states(appliance)[n] for n in (0, 1)) ==
                      [("alternate", "discarding"), ("root", "forwarding")], 90)
                assert "root 1000." in appliance.must("show bridge lan")
            else:
                show = "rstp/show" if protocol == RSTP else "stp/show"
                until(lambda: "Alternate" in switch.appctl(show) and "Root" in switch.appctl(show), 90)
                until(lambda: [states(appliance)[n] for n in (0, 1)] == [("designated", "forwarding")] * 2, 90)
            # a broadcast goes round no loop: few frames, and none comes back to where it was sent
            appliance.must("clear stats")
            appliance.wires[2].send(frame(b"once"))
            appliance.let_pass(3000000)
            stats = appliance.stats()
            assert sum(p["rx_packets"] for p in stats["ports"]) < 60, stats
            assert not any(b"once" in f for f in appliance.wires[2].drain(0))
            check_law(stats)
            if protocol == RSTP and better == "them":
                # the way that is used is closed at the other end: the other opens
                root = [n for n in (0, 1) if states(appliance)[n][0] == "root"][0]
                switch.control("del-port", "s", "t%d" % root)
                until(lambda: states(appliance)[1 - root] == ("root", "forwarding"), 30)


def test_a_trunk_with_a_neighbor():
    """The neighbor has VLAN 10 and 20 on a trunk, and 10 untagged on a port of its own."""
    config = """\
bridge add lan
bridge lan vlan-aware on
bridge lan port 0
bridge lan port 0 vlan 10 tagged
bridge lan port 0 vlan 20 tagged
bridge lan port 1
bridge lan port 1 vlan 30 untagged
bridge lan port 2
bridge lan port 2 vlan 10 untagged
bridge lan port 3
bridge lan port 3 vlan 20 untagged
forward l2
"""
    with Appliance(nics=["virtio"] * 4, config=config) as appliance:
        # the neighbor's access port of VLAN 10 is wired to our port 1, which is in VLAN 30
        with Switch(appliance.wires[:2], (), (("trunks=10,20",), ("tag=10",))):
            ten, twenty = appliance.wires[2:]
            appliance.must("bridge lan port 3 no vlan 20")
            appliance.must("bridge lan port 3 vlan 30 untagged")
            until(lambda: ten.send(frame(b"in ten")) or any(b"in ten" in f for f in twenty.drain(0.2)))
            appliance.must("bridge lan port 3 vlan 20 untagged")
            twenty.drain(0.5)
            until(lambda: ten.send(frame(b"not here")) or appliance.stats()["ports"][1]["rx_packets"] > 3)
            assert not any(b"not here" in f for f in twenty.drain(0.2))
            check_law(appliance.stats())
