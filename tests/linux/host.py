"""Linux with a PF of a model's, whose own driver makes VFs, and our image has them: what is so with every chip.

A module of tests has `host` (a Host that has begun), imports `router`, `alice` and `bob`, and has a class of Cases."""
import re

import pytest

import guest
import image
import modelled
from guest import resets, shows
from station import Station

GIVEN, OTHER = "02:00:00:00:03:00", "02:00:00:00:03:99"
VFS = 2
HOST, FAR = "192.0.2.9", "198.51.100.9"
ROUTER = "port 0 address 192.0.2.1/24\nport 1 address 198.51.100.1/24\nforward l3\n"
VLAN = 100      # that the host gives VF 1


class Host(modelled.Linux):
    """Linux with the PF; the test is at the far end of its cable.  VF 1 is in a VLAN, and so is the host's `far` namespace."""

    def __init__(self, *options, **more):
        super().__init__([("pf", ["-m", "1", *options])], vfs=VFS, **more)

    def begin(self):
        self.pf = self.netdev(modelled.bdf(0))
        self.run("mkdir -p /var/run")
        self.ip("link set %s up" % self.pf)
        self.until(guest.is_up(self.pf))
        self.make_vfs()
        self.make_network()
        self.make_bulk()
        assert self.violations() == [0], self.story()
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

    def make_network(self):
        """The host's own end, in both networks of ROUTER."""
        self.ip("address add %s/24 dev %s" % (HOST, self.pf))
        self.ip("netns add far")
        self.ip("link add link %s name tagged type vlan id %d" % (self.pf, VLAN))
        self.ip("link set tagged netns far")
        self.ip("-n far address add %s/24 dev tagged" % FAR)
        self.ip("-n far link set tagged up")
        self.vf("vlan %d" % VLAN, 1)
        self.ip("route add 198.51.100.0/24 via 192.0.2.1")
        self.ip("-n far route add 192.0.2.0/24 via 198.51.100.1")


@pytest.fixture(scope="module")
def router(host):
    """Our image with both VFs."""
    with image.Image([host.passed(0), host.passed(1)], config=ROUTER) as appliance:
        yield appliance


@pytest.fixture
def alice(host):
    return Station(host.wire, "02:00:00:00:0a:02", "192.0.2.2", "192.0.2.1")


@pytest.fixture
def bob(host):
    """In a VLAN on the same wire."""
    return Station(host.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=200)


class Cases:
    """`driver`: our VF's; `refused`: why the PF refuses, as far as that driver knows."""

    refused = {"mac": "", "vlan": ""}
    pings = "-c 20 -i 0.2 -W 60"

    def is_kept(self, host, vlan=0, rate=0):
        """What the chip has of VF 0, where it can be asked."""

    def give(self, host, mac):
        """Until the driver takes it."""
        host.vf("mac " + mac)

    def refuses(self, router, setting, value):
        answer = router.command("port 0 %s %s" % (setting, value))
        assert "error: port 0 (%s): %s is not changed%s" % (self.driver, setting, self.refused[setting]) in answer

    def test_a_station_outside_reaches_the_router(self, router, alice):
        assert alice.reaches() == GIVEN

    def test_the_host_reaches_it_inside_the_chip(self, host, router):
        host.until("ping -c 1 -W 1 192.0.2.1")
        assert " 0% packet loss" in host.run("ping -q %s 192.0.2.1" % self.pings)

    def test_bulk_tcp_through_the_router(self, host, router):
        """From the PF to VF 0, through the image, from VF 1 to the PF in a VLAN; and back."""
        host.until("ping -c 1 -W 1 " + FAR)
        host.bulk(True, FAR)
        host.bulk(False, HOST)
        ports = router.stats()["ports"]
        assert all(port["rx_packets"] > modelled.BULK_MIB * (1 << 20) / 1514 for port in ports)

    def test_an_address_of_the_hosts_is_its_own(self, router, alice):
        self.refuses(router, "mac", OTHER)
        assert router.stats()["ports"][0]["mac"] == GIVEN
        assert alice.reaches() == GIVEN

    def test_trust_lets_it_change_its_address(self, host, router, alice):
        host.vf("trust on")
        shows(router, link="up")
        try:
            router.must("port 0 mac " + OTHER)
            assert alice.reaches() == OTHER
            router.must("port 0 mac " + GIVEN)
            assert alice.reaches() == GIVEN
        finally:
            host.vf("trust off")
        assert alice.reaches() == GIVEN

    def test_a_vlan_of_the_hosts_is_transparent(self, host, router, alice, bob):
        """Tagged on the wire, untagged in the appliance, which knows nothing of it."""
        host.vf("vlan 200")
        try:
            assert bob.reaches() == GIVEN
            alice.ask()
            assert alice.heard_nothing_before(bob)
            self.refuses(router, "vlan", 201)
            assert bob.reaches() == GIVEN
            self.is_kept(host, vlan=200)
        finally:
            host.vf("vlan 0")
        assert alice.reaches() == GIVEN

    def test_a_vlan_of_ours_is_granted(self, router, alice, bob):
        router.must("port 0 vlan 200")
        try:
            assert bob.reaches() == GIVEN
            alice.ask()
            assert alice.heard_nothing_before(bob)
        finally:
            router.must("port 0 vlan 0")
        assert alice.reaches() == GIVEN

    def test_the_cable_is_pulled_and_put_in(self, host, router, alice):
        host.servers[0].link(False)
        shows(router, link="down")
        host.servers[0].link(True)
        shows(router, link="up")
        host.until(guest.is_up(host.pf))
        assert alice.reaches() == GIVEN

    def test_a_rate_is_kept(self, host, router, alice):
        host.until(guest.is_up(host.pf))
        host.vf("max_tx_rate 1000")
        try:
            assert "max_tx_rate 1000Mbps" in host.told()
            self.is_kept(host, rate=1000)
            assert alice.reaches() == GIVEN
        finally:
            host.vf("max_tx_rate 0")
        self.is_kept(host)
        assert alice.reaches() == GIVEN

    def test_long_frames_pass_both_ways(self, host, router, alice):
        """Linux's ixgbe resets the chip for it."""
        host.ip("link set %s mtu 4000" % host.pf)
        try:
            assert alice.reaches() == GIVEN
            router.must("port 0 mtu 3000")
            assert alice.reaches(size=2900) == GIVEN
        finally:
            router.command("port 0 mtu 1500")
            host.ip("link set %s mtu 1500" % host.pf)
        assert alice.reaches() == GIVEN

    def test_a_mac_given_later_is_taken_at_a_reset(self, host, router, alice):
        before = resets(router)
        try:
            self.give(host, OTHER)
            shows(router, mac=OTHER, link="up")
            assert alice.reaches() == OTHER
        finally:
            self.give(host, GIVEN)
        shows(router, mac=GIVEN, link="up")
        assert alice.reaches() == GIVEN
        assert resets(router) > before
