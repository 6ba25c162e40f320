"""Linux's own ixgbe makes VFs of the model, and another machine has them: our image, or a Linux with ixgbevf.
PF and VFs are one chip: what they say to each other goes through its mailbox and its switch."""
import re
import time

import pytest

import guest
import image
import modelled
import qemu
from guest import says, shows, wait_for
from station import Station

GIVEN, OTHER = "02:00:00:00:03:00", "02:00:00:00:03:99"
VFS = 2
HOST, FAR = "192.0.2.9", "198.51.100.9"
ROUTER = "port 0 address 192.0.2.1/24\nport 1 address 198.51.100.1/24\nforward l3\n"
VLAN = 100      # that the host gives VF 1


class Host(modelled.Linux):
    """Linux with the PF; the test is at the far end of its cable.  VF 1 is in a VLAN, and so is the host's `far` namespace."""

    def __init__(self, *options):
        super().__init__([("pf", ["-m", "1", *options])], vfs=VFS, modules=[*modelled.MODULES, "macvlan"])

    def begin(self):
        self.pf = self.netdev(modelled.bdf(0))
        self.run("mkdir -p /var/run")
        self.ip("link set %s up" % self.pf)
        self.until(guest.is_up(self.pf))
        self.make_vfs()
        self.run("dd if=/dev/urandom of=/run/bulk bs=1M count=%d" % modelled.BULK_MIB)
        return self

    def make_vfs(self):
        """The other machine's driver has them, none of this one."""
        self.run("cd /sys/bus/pci/devices/%s; echo 0 >sriov_drivers_autoprobe; echo %d >sriov_numvfs"
                 % (modelled.bdf(0), VFS))
        self.until(guest.is_up(self.pf))
        self.vf("mac " + GIVEN)

    def vf(self, words, number=0):
        self.ip("link set %s vf %d %s" % (self.pf, number, words))

    def told(self, number=0):
        """What the PF's driver says of a VF."""
        return re.search(r"^ *vf %d .*$" % number, self.ip("link show " + self.pf), re.M).group(0)

    def passed(self, number=0):
        return self.servers[0].vfs[number]


@pytest.fixture(scope="module")
def host():
    with Host() as machine:
        machine.begin()
        machine.ip("address add %s/24 dev %s" % (HOST, machine.pf))
        machine.ip("netns add far")
        machine.ip("link add link %s name tagged type vlan id %d" % (machine.pf, VLAN))
        machine.ip("link set tagged netns far")
        machine.ip("-n far address add %s/24 dev tagged" % FAR)
        machine.ip("-n far link set tagged up")
        machine.vf("vlan %d" % VLAN, 1)
        machine.ip("route add 198.51.100.0/24 via 192.0.2.1")
        machine.ip("-n far route add 192.0.2.0/24 via 198.51.100.1")
        assert machine.violations() == [0], machine.story()
        yield machine


@pytest.fixture(autouse=True)
def strict(host):
    """In the place of conftest's."""
    yield
    assert host.violations() == [0], host.servers[0].story()


@pytest.fixture(scope="module")
def router(host):
    """Our image with both VFs."""
    with image.Image([host.passed(0), host.passed(1)], config=ROUTER) as appliance:
        yield appliance


@pytest.fixture
def alice(host):
    return Station(host.wire, "02:00:00:00:0a:02", "192.0.2.2", "192.0.2.1")


def test_linux_makes_the_vfs(host):
    log = host.run("dmesg")
    assert "SR-IOV enabled with %d VFs" % VFS in log
    assert re.search(r"pci 0000:01:10.2: \[8086:10ed\]", log)
    assert "link/ether " + GIVEN in host.told() and "vlan %d" % VLAN in host.told(1)


def test_the_mailbox_brings_address_and_link(host, router):
    entry = shows(router, link="up")
    assert (entry["driver"], entry["mac"]) == ("ixgbevf", GIVEN)
    says(router, "the PF answers: MAC " + GIVEN)
    print(router.command("show port 0"), router.command("show port 1"))


def test_a_station_outside_reaches_the_router(router, alice):
    assert alice.reaches() == GIVEN


def test_the_host_reaches_it_inside_the_chip(host, router):
    host.until("ping -c 1 -W 1 192.0.2.1")
    assert " 0% packet loss" in host.run("ping -q -c 200 -i 0.01 -W 20 192.0.2.1")


def test_bulk_tcp_through_the_router(host, router):
    """From the PF to VF 0, through the image, from VF 1 to the PF in a VLAN; and back."""
    host.until("ping -c 1 -W 1 " + FAR)
    host.bulk(True, FAR)
    host.bulk(False, HOST)
    print(router.command("show stats"))
