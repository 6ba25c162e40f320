"""Linux's own bridge as the neighbor, with VLANs and its spanning tree (STP, IEEE 802.1D-1998): two wires lead from a
Linux guest to the appliance, a third is the test's."""
import os
import re
import shutil
import time

import pytest
from scapy.layers.l2 import ARP, Dot1Q, Ether

import guest
import qemu

IP = os.path.realpath(shutil.which("ip"))
CONFIG = """\
bridge add lan
bridge lan vlan-aware on
bridge lan spanning-tree on
bridge lan port 0
bridge lan port 0 vlan 10 tagged
bridge lan port 1
bridge lan port 1 vlan 10 tagged
bridge lan port 2
bridge lan port 2 vlan 10 untagged
bridge lan port 2 edge on
interface add lan.10
interface lan.10 address 10.10.0.1/24
forward l3
"""
# Times in hundredths of a second; VLAN 20 is on Linux's side alone.
BRIDGE = """
set -e
ip() { %s "$@"; }       # iproute2's, not the shell's own
ip link add br0 type bridge vlan_filtering 1 stp_state 1 forward_delay 400 hello_time 100 max_age 600 priority 61440
for port in eth0 eth1; do
    ip link set $port master br0
    ip link set $port up
    for vid in 10 20; do bridge vlan add dev $port vid $vid; done
done
for vid in 10 20; do
    bridge vlan add dev br0 vid $vid self
    ip link add link br0 name br0.$vid type vlan id $vid
    ip addr add 10.$vid.0.2/24 dev br0.$vid
done
ip link set br0 up
ip link set br0.10 up
ip link set br0.20 up
""" % IP
TREE_LIMIT = 200        # the tree's own times are a minute at the most
STATION = "02:00:00:00:0a:07"


class Bridge(guest.Linux):
    """Its two virtio ports are the far ends of an appliance's first two wires."""

    def __init__(self, appliance):
        super().__init__(memory=512)
        self.appliance = appliance

    def _nics(self):
        nics = []
        for n, wire in enumerate(self.appliance.wires[:2]):
            nics += ["-netdev", "dgram,id=net%d,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
                     % (n, wire.local, wire.remote),
                     "-device", "virtio-net-pci,id=nic%d,netdev=net%d,mac=02:00:00:00:0b:%02x" % (n, n, n)]
        return nics

    def reaches(self, address):
        self.until("ping -c 1 -W 2 %s" % address, TREE_LIMIT)

    def until_open(self, count):
        """So many of its ports forward, and the others are closed for good (linux/if_bridge.h)."""
        self.until("[ \"$(cat /sys/class/net/eth?/brport/state | sort | tr -d '\\n')\" = %s ]" % ("3" * count + "4" * (2 - count)),
                   TREE_LIMIT)


@pytest.fixture(scope="module")
def appliance():
    with qemu.Appliance(nics=["virtio"] * 3, config=CONFIG, plugged=False) as machine:
        machine.wires[2].plug()
        yield machine
        qemu.check_law(machine.settled(0))


@pytest.fixture(scope="module")
def linux(appliance):
    with Bridge(appliance) as machine:
        machine.run(BRIDGE)
        yield machine


def until_told(appliance, pattern):
    """A line of our bridge's description."""
    end = time.monotonic() + TREE_LIMIT
    while not re.search(pattern, appliance.must("show bridge lan"), re.M):
        assert time.monotonic() < end, appliance.must("show bridge lan")


def test_its_bridge_closes_one_of_two_wires(appliance, linux):
    """We are the root: Linux has one way to it, and keeps the other one closed."""
    linux.reaches("10.10.0.1")
    linux.until_open(1)
    until_told(appliance, r"spanning tree .*this bridge")
    assert "loop" not in appliance.must("show bridge lan")


def test_vlans_are_the_same_on_both_sides(appliance, linux):
    wire = appliance.wires[2]
    linux.reaches("10.10.0.1")
    wire.drain(0.1)
    wire.send(Ether(src=STATION, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=STATION, psrc="10.10.0.7", pdst="10.10.0.2"))
    answer = Ether(wire.expect(lambda frame: Ether(frame).haslayer(ARP) and Ether(frame)[ARP].psrc == "10.10.0.2"))
    assert Dot1Q not in answer and answer.dst == STATION
    before = sum(port["drops"]["vlan"] for port in appliance.stats()["ports"][:2])
    assert "100% packet loss" in linux.run("ping -c 2 -W 1 10.20.0.1", check=False)
    assert sum(port["drops"]["vlan"] for port in appliance.stats()["ports"][:2]) > before
    assert not [frame for frame in wire.drain(0.1) if b"\x0a\x14\x00" in frame]


def test_the_other_wire_opens_when_the_first_goes(appliance, linux):
    """Linux loses its link, and tells of the change by a TCN; stations are learned anew."""
    linux.reaches("10.10.0.1")
    linux.until_open(1)
    used = linux.run("grep -l 3 /sys/class/net/eth?/brport/state").split("/")[4]
    other = {"eth0": "eth1", "eth1": "eth0"}[used]
    linux.command("set_link", name="net" + used[3], up=False)
    linux.until("grep -q 3 /sys/class/net/%s/brport/state" % other, TREE_LIMIT)
    linux.reaches("10.10.0.1")
    linux.command("set_link", name="net" + used[3], up=True)
    linux.until_open(1)
    linux.reaches("10.10.0.1")


def test_linux_is_the_root(appliance, linux):
    """Then it is we who close one of the wires, speaking STP as it does."""
    linux.ip("link set br0 type bridge priority 0")
    linux.until("[ $(cat /sys/class/net/br0/bridge/root_id) = $(cat /sys/class/net/br0/bridge/bridge_id) ]", TREE_LIMIT)
    until_told(appliance, r"spanning tree .*by port [01]")
    until_told(appliance, r"port [01] .*alternate.*discarding")
    linux.until_open(2)
    linux.reaches("10.10.0.1")
    assert "loop" not in appliance.must("show bridge lan")
