"""Linux's own ixgbe makes VFs of the model, and another machine has them: our image, or a Linux with ixgbevf.
PF and VFs are one chip: what they say to each other goes through its mailbox and its switch."""
import re

import pytest

import guest
import image
import modelled
from guest import resets, says, shows
from host import FAR, GIVEN, HOST, ROUTER, VFS, VLAN, Host
from station import Station

OTHER = "02:00:00:00:03:99"


@pytest.fixture(scope="module")
def host():
    with Host() as machine:
        machine.begin()
        machine.make_network()
        assert machine.violations() == [0], machine.story()
        yield machine


@pytest.fixture(autouse=True)
def strict(host):
    """In the place of conftest's.  One thing is Linux's own: what ip asks for is said to the VF by ip's CPU, without a
    lock against the interrupt handler that reads the mailbox on another one and lets go of the buffer between."""
    yield
    story = host.servers[0].story().splitlines()
    assert [line for line in story if "PF: message written into a buffer" not in line] == []


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
    shown = router.command("show port 0")
    assert re.search(r"device mailbox API 1\. +[45]$", shown, re.M) and re.search(r"receive queues granted +4$", shown, re.M)


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
    ports = router.stats()["ports"]
    assert all(port["rx_packets"] > modelled.BULK_MIB * (1 << 20) / 1514 for port in ports)


def test_an_address_of_the_hosts_is_its_own(host, router, alice):
    answer = router.command("port 0 mac " + OTHER)
    assert "error: port 0 (ixgbevf): mac is not changed: the PF refused the address" in answer
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


@pytest.mark.parametrize("trust", ["off", "on"])
def test_an_82599s_vf_is_never_promiscuous(host, router, alice, trust):
    host.vf("trust " + trust)
    try:
        answer = router.command("port 0 promiscuous on")
        assert "error: port 0 (ixgbevf): promiscuous is not changed: the PF does not let this VF" in answer
        router.command("port 0 promiscuous off")
        assert alice.reaches() == GIVEN
    finally:
        host.vf("trust off")


def test_a_vlan_of_the_hosts_is_transparent(host, router, alice):
    """Tagged on the wire, untagged in the appliance, which knows nothing of it."""
    bob = Station(host.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=200)
    host.vf("vlan 200")
    try:
        assert bob.reaches() == GIVEN
        alice.ask()
        assert alice.heard_nothing_before(bob)
        answer = router.command("port 0 vlan 201")
        assert "error: port 0 (ixgbevf): vlan is not changed: the PF refused the VLAN: it has one set" in answer
        assert bob.reaches() == GIVEN
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


def test_a_rate_is_kept(host, router, alice):
    host.until(guest.is_up(host.pf))
    host.vf("max_tx_rate 1000")
    try:
        assert "max_tx_rate 1000Mbps" in host.told()
        assert alice.reaches() == GIVEN
    finally:
        host.vf("max_tx_rate 0")
    assert alice.reaches() == GIVEN


def test_long_frames_follow_the_pf(host, router, alice):
    """Linux's ixgbe resets the chip for it; frames of that length then pass both ways."""
    host.ip("link set %s mtu 4000" % host.pf)
    try:
        assert alice.reaches() == GIVEN
        router.must("port 0 mtu 3000")
        assert alice.reaches(size=2900) == GIVEN
    finally:
        router.command("port 0 mtu 1500")
        host.ip("link set %s mtu 1500" % host.pf)
    assert alice.reaches() == GIVEN


def test_a_reset_of_the_pf_is_survived(host, router, alice):
    for _ in range(2):
        before = resets(router)
        host.run("%s -r %s" % (modelled.ETHTOOL, host.pf))
        resets(router, more_than=before)
        shows(router, link="up")
        assert alice.reaches() == GIVEN


def test_a_mac_given_later_is_taken_at_the_next_reset(host, router, alice):
    host.vf("mac " + OTHER)
    try:
        host.ip("link set %s down" % host.pf)
        host.ip("link set %s up" % host.pf)
        shows(router, mac=OTHER, link="up")
        assert alice.reaches() == OTHER
    finally:
        host.vf("mac " + GIVEN)
        host.ip("link set %s down" % host.pf)
        host.ip("link set %s up" % host.pf)
    shows(router, mac=GIVEN, link="up")
