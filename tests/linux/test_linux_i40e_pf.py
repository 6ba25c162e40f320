"""Linux's own i40e makes VFs of the model of an X710, and another machine has them: our image with its adaptive VF's driver.
PF and VFs are one chip: virtchnl goes through its firmware, frames through its VEB."""
import re

import pytest

import guest
import image
import modelled
from guest import resets, says, shows
from host import FAR, GIVEN, HOST, ROUTER, VFS, Host
from station import Station

OTHER, STRANGER = "02:00:00:00:03:99", "02:00:00:00:77:77"
CHECK_VLAN, CHECK_MAC = 2, 4
VF_QUEUES = 4       # with fewer CPUs Linux writes the PF's own queue 0 into a VF's table for those behind: forbidden


class ChipHost(Host):
    def vsi(self, number=0):
        """What is set of a VF's VSI: port VLAN, checks, Mb/s; and how many frames the checks have dropped."""
        return [int(word) for word in self.servers[0].ask("vf %d" % number)[1:]]


@pytest.fixture(scope="module")
def host():
    with ChipHost(program="i40e_server", cpus=VF_QUEUES) as machine:
        machine.begin()
        machine.make_network()
        assert machine.violations() == [0], machine.story()
        yield machine


@pytest.fixture(autouse=True)
def strict(host):
    """In the place of conftest's: neither Linux's driver nor ours has done what is forbidden."""
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
    assert "Allocating %d VFs." % VFS in log
    assert re.search(r"pci 0000:01:02.1: \[8086:154c\]", log)
    assert "link/ether " + GIVEN in host.told() and "vlan 100" in host.told(1)
    assert host.vsi(0)[:3] == [0, CHECK_VLAN | CHECK_MAC, 0] and host.vsi(1)[0] == 100


def test_virtchnl_brings_address_queues_and_link(host, router):
    entry = shows(router, link="up")
    assert (entry["driver"], entry["mac"]) == ("iavf", GIVEN)
    assert shows(router, 1, link="up")["driver"] == "iavf"


def test_a_station_outside_reaches_the_router(router, alice):
    assert alice.reaches() == GIVEN


def test_the_host_reaches_it_inside_the_chip(host, router):
    host.until("ping -c 1 -W 1 192.0.2.1")
    assert " 0% packet loss" in host.run("ping -q -c 20 -i 0.2 -W 60 192.0.2.1")


def test_bulk_tcp_through_the_router(host, router):
    """From the PF to VF 0, through the image, from VF 1 to the PF in a VLAN; and back."""
    host.until("ping -c 1 -W 1 " + FAR)
    host.bulk(True, FAR)
    host.bulk(False, HOST)
    ports = router.stats()["ports"]
    assert all(port["rx_packets"] > modelled.BULK_MIB * (1 << 20) / 1514 for port in ports)


def test_an_address_of_the_hosts_is_its_own(host, router, alice):
    answer = router.command("port 0 mac " + OTHER)
    assert "error: port 0 (iavf): mac is not changed" in answer
    assert router.stats()["ports"][0]["mac"] == GIVEN
    assert alice.reaches() == GIVEN


def test_trust_lets_it_change_its_address(host, router, alice):
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


def strangers_heard(router, alice):
    """Of ten frames for somebody else, with one in the end for VF 0."""
    before = router.stats()["ports"][0]["rx_packets"]
    for _ in range(10):
        alice.send(b"for a stranger", dst=STRANGER)
    assert alice.reaches() == GIVEN
    return router.stats()["ports"][0]["rx_packets"] - before >= 10


def test_who_is_trusted_hears_everything(host, router, alice):
    assert not strangers_heard(router, alice)
    host.vf("trust on")
    shows(router, link="up")
    try:
        router.must("port 0 promiscuous on")
        guest.wait_for(lambda: strangers_heard(router, alice), "frames for others")
    finally:
        router.command("port 0 promiscuous off")
        host.vf("trust off")
    assert alice.reaches() == GIVEN


def test_a_vlan_of_the_hosts_is_transparent(host, router, alice):
    """Tagged on the wire, untagged in the appliance, which knows nothing of it."""
    bob = Station(host.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=200)
    host.vf("vlan 200")
    try:
        assert bob.reaches() == GIVEN
        alice.ask()
        assert alice.heard_nothing_before(bob)
        assert "error: port 0 (iavf): vlan is not changed" in router.command("port 0 vlan 201")
        assert bob.reaches() == GIVEN
        assert host.vsi()[0] == 200
    finally:
        host.vf("vlan 0")
    assert alice.reaches() == GIVEN


def test_a_vlan_of_ours_is_granted(host, router, alice):
    bob = Station(host.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=200)
    router.must("port 0 vlan 200")
    try:
        assert bob.reaches() == GIVEN
        alice.ask()
        assert alice.heard_nothing_before(bob)
    finally:
        router.must("port 0 vlan 0")
    assert alice.reaches() == GIVEN


def test_the_cable_is_pulled_and_put_in(host, router, alice):
    host.servers[0].link(False)
    shows(router, link="down")
    host.servers[0].link(True)
    shows(router, link="up")
    host.until(guest.is_up(host.pf))
    assert alice.reaches() == GIVEN


def test_the_link_is_the_hosts_to_give(host, router, alice):
    host.vf("state disable")
    shows(router, link="down")
    host.vf("state auto")
    shows(router, link="up")
    assert alice.reaches() == GIVEN


def test_a_rate_is_told_to_firmware(host, router, alice):
    host.vf("max_tx_rate 1000")
    try:
        assert "max_tx_rate 1000Mbps" in host.told()
        assert host.vsi()[2] == 1000
        assert alice.reaches() == GIVEN
    finally:
        host.vf("max_tx_rate 0")
    assert host.vsi()[2] == 0


def test_senders_are_checked_as_the_host_says(host, router, alice):
    assert host.vsi()[1] == CHECK_VLAN | CHECK_MAC
    host.vf("spoofchk off")
    try:
        assert host.vsi()[1] == 0
        assert alice.reaches() == GIVEN
    finally:
        host.vf("spoofchk on")
    assert host.vsi()[1] == CHECK_VLAN | CHECK_MAC


def test_long_frames_are_the_vfs_to_choose(host, router, alice):
    host.ip("link set %s mtu 4000" % host.pf)
    try:
        router.must("port 0 mtu 3000")
        assert alice.reaches(size=2900) == GIVEN
    finally:
        router.command("port 0 mtu 1500")
        host.ip("link set %s mtu 1500" % host.pf)
    assert alice.reaches() == GIVEN


def test_a_mac_given_later_resets_the_vf(host, router, alice):
    before = resets(router)
    host.vf("mac " + OTHER)
    try:
        shows(router, mac=OTHER, link="up")
        assert alice.reaches() == OTHER
    finally:
        host.vf("mac " + GIVEN)
    shows(router, mac=GIVEN, link="up")
    assert alice.reaches() == GIVEN
    assert resets(router) > before


@pytest.mark.parametrize("kind", ["core", "global"])
def test_resets_of_the_chip_are_survived(host, router, alice, kind):
    before = resets(router)
    host.servers[0].ask("reset " + kind)
    resets(router, more_than=before)
    shows(router, link="up")
    host.until(guest.is_up(host.pf))
    assert alice.reaches() == GIVEN
    host.until("ping -c 1 -W 1 " + FAR)
    host.bulk(True, FAR)
