"""VFs of Linux's 82576 by vfio-pci: an appliance that knows nothing of the PF but its mailbox.

The cases share one Linux and, mostly, one appliance; each leaves both as it found them.
"""
import re

import pytest

import guest
import qemu
from addresses import is_arp_request_for
from guest import resets, says, shows, wait_for
from station import ICMP, IP, Ether, Station

GIVEN = "02:00:00:00:03:00"         # by the administrator of the PF, to VF 0
OTHER = "02:00:00:00:03:99"
ROUTER = "port 0 address 192.0.2.1/24\nforward l3\n"
DTXSWC = 0x3500                     # 82576 DS 8.14.4: bits 7:0 MAC, 15:8 VLAN anti-spoof of the VFs


@pytest.fixture(scope="module")
def router(linux):
    """The appliance with VF 0, in mode l3."""
    linux.ip("link set %s vf 0 mac %s" % (linux.pf, GIVEN))
    with guest.Guest(linux, [0], config=ROUTER) as appliance:
        yield appliance


@pytest.fixture
def alice(linux):
    return Station(linux.wire, "02:00:00:00:0a:02", "192.0.2.2", "192.0.2.1")


def test_an_unplaced_vf_is_placed(router):
    """qboot leaves the VF's BARs at 0; the appliance finds room for them."""
    line = re.search(r"8086:10ca [^\n]*", router.command("show pci")).group(0)
    assert "driver igbvf" in line and "unplaced" not in line


def test_the_link_comes_up_through_linuxs_mailbox(router):
    entry = shows(router, link="up")
    assert (entry["driver"], entry["mac"]) == ("igbvf", GIVEN)
    says(router, "the PF answers: MAC " + GIVEN)


def test_a_station_outside_reaches_the_appliance(router, alice):
    assert alice.reaches() == GIVEN


def test_the_appliance_reaches_a_station_outside(router, alice):
    alice.reaches()         # and so is known

    def answered():
        router.type("ping 192.0.2.2 count 1\n")
        echo = alice.receive(lambda p: ICMP in p and p[ICMP].type == 8 and p[IP].dst == alice.ip)
        if echo:
            assert echo.src == GIVEN
            alice.send(IP(src=alice.ip, dst="192.0.2.1") / ICMP(type=0, id=echo[ICMP].id, seq=echo[ICMP].seq)
                       / bytes(echo[ICMP].payload), GIVEN)
        return router.read_until(r"^1 sent, (\d) received[^\n]*\n" + re.escape(qemu.PROMPT)).group(1) == "1"
    wait_for(answered, "an answer")


def test_linux_beside_it_reaches_the_appliance_inside_the_chip(linux, router):
    """VF to VF: Linux's igbvf on VF 2; nothing of it passes the wire."""
    linux.give(2, "igbvf")
    try:
        netdev = linux.netdev(guest.vf_bdf(2))
        linux.ip("link set %s up" % netdev)
        linux.ip("address add 192.0.2.3/24 dev %s" % netdev)
        linux.until("ping -c 1 -W 1 192.0.2.1")
        linux.run("ping -c 3 -W 5 192.0.2.1")
        # Behind all that either has sent: both ask for somebody who is not there.
        linux.run("ping -c 1 -W 1 192.0.2.77", check=False)
        router.command("ping 192.0.2.78 count 1")
        passed = [Ether(f) for ip in ("192.0.2.77", "192.0.2.78") for f in linux.wire.before(is_arp_request_for(ip))]
        assert not [p for p in passed if ICMP in p and {p[IP].src, p[IP].dst} == {"192.0.2.1", "192.0.2.3"}]
    finally:
        linux.give(2, "vfio-pci")


def test_another_mac_is_refused_and_the_given_one_kept(linux, router, alice):
    answer = router.command("port 0 mac " + OTHER)
    assert "error: port 0 (igbvf): mac is not changed: the PF refused the address" in answer
    assert router.stats()["ports"][0]["mac"] == GIVEN
    assert alice.reaches() == GIVEN
    linux.until("dmesg | grep -q 'VF 0 attempted to override administratively set MAC'")


def test_a_trusted_vf_may_change_its_mac(linux, router, alice):
    linux.ip("link set %s vf 0 trust on" % linux.pf)
    try:
        assert "error" not in router.command("port 0 mac " + OTHER)
        assert alice.reaches() == OTHER
        assert "error" not in router.command("port 0 mac " + GIVEN)
        assert alice.reaches() == GIVEN
    finally:
        linux.ip("link set %s vf 0 trust off" % linux.pf)


@pytest.mark.parametrize("trust", ["off", "on"])
def test_promiscuous_is_refused_in_plain_words(linux, router, alice, trust):
    """Linux's igb grants all multicast and no more, to trusted VFs as well."""
    linux.ip("link set %s vf 0 trust %s" % (linux.pf, trust))
    try:
        answer = router.command("port 0 promiscuous on")
        assert "error: port 0 (igbvf): promiscuous is not changed: the PF does not let this VF" in answer
        router.command("port 0 promiscuous off")
        assert alice.reaches() == GIVEN
    finally:
        linux.ip("link set %s vf 0 trust off" % linux.pf)


def test_a_vlan_of_the_administrators_is_transparent(linux, router, alice):
    """Tagged on the wire, untagged in the appliance, which knows nothing of it."""
    bob = Station(linux.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=100)
    linux.ip("link set %s vf 0 vlan 100" % linux.pf)
    try:
        assert bob.reaches() == GIVEN
        alice.ask()
        assert alice.heard_nothing_before(bob)
        answer = router.command("port 0 vlan 101")
        assert "error: port 0 (igbvf): vlan is not changed: the PF refused the VLAN: it has one set" in answer
        assert bob.reaches() == GIVEN
    finally:
        linux.ip("link set %s vf 0 vlan 0" % linux.pf)
    assert alice.reaches() == GIVEN


def test_a_vlan_of_ours_is_granted(linux, router, alice):
    bob = Station(linux.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1", vlan=100)
    assert "error" not in router.command("port 0 vlan 100")
    try:
        assert bob.reaches() == GIVEN
        alice.ask()
        assert alice.heard_nothing_before(bob)
    finally:
        router.command("port 0 vlan 0")
    assert alice.reaches() == GIVEN


def test_spoofchk_is_the_chips_affair(linux, router, alice):
    """QEMU's 82576 does not check; the register and ip's word are all there is to see."""
    assert linux.register(DTXSWC) & 0x101 == 0x101
    linux.ip("link set %s vf 0 spoofchk off" % linux.pf)
    try:
        assert linux.register(DTXSWC) & 0x101 == 0
        assert "vf 0" in linux.ip("link show %s" % linux.pf)
        assert alice.reaches() == GIVEN
    finally:
        linux.ip("link set %s vf 0 spoofchk on" % linux.pf)
    assert linux.register(DTXSWC) & 0x101 == 0x101
    assert alice.reaches() == GIVEN


def test_a_mac_given_later_is_taken_at_the_next_reset(linux, router, alice):
    linux.ip("link set %s vf 0 mac %s" % (linux.pf, OTHER))
    try:
        linux.ip("link set %s down" % linux.pf)
        linux.ip("link set %s up" % linux.pf)
        shows(router, mac=OTHER, link="up")
        assert alice.reaches() == OTHER
    finally:
        linux.ip("link set %s vf 0 mac %s" % (linux.pf, GIVEN))
        linux.ip("link set %s down" % linux.pf)
        linux.ip("link set %s up" % linux.pf)
    shows(router, mac=GIVEN, link="up")


def test_the_pf_goes_down_and_comes_back(linux, router, alice):
    assert alice.reaches() == GIVEN
    linux.ip("link set %s down" % linux.pf)
    shows(router, link="down")
    bob = Station(linux.wire, "02:00:00:00:0b:02", "192.0.2.4", "192.0.2.1")
    bob.ask()
    linux.wire.taken()
    linux.ip("link set %s up" % linux.pf)
    shows(router, link="up")
    assert bob.heard_nothing_before(alice)


def test_the_cable_is_pulled_and_put_in(linux, router, alice):
    linux.plug(False)
    try:
        shows(router, link="down")
    finally:
        linux.plug(True)
    shows(router, link="up")
    assert alice.reaches() == GIVEN


def test_a_reset_of_the_pf_is_survived(linux, router, alice):
    """`ethtool -r`: Linux's igb resets the chip and sets it up anew, under its VFs."""
    for _ in range(3):
        before = resets(router)
        linux.ethtool_restart()
        resets(router, more_than=before)
        assert alice.reaches() == GIVEN


def test_another_mtu_of_the_pf_is_survived_and_used(linux, router, alice):
    """Linux's igb resets the chip for it; frames of that length then pass both ways."""
    linux.ip("link set %s mtu 4000" % linux.pf)
    try:
        assert alice.reaches() == GIVEN
        assert "error" not in router.command("port 0 mtu 3000")
        assert alice.reaches(size=2900) == GIVEN
    finally:
        router.command("port 0 mtu 1500")
        linux.ip("link set %s mtu 1500" % linux.pf)
    assert alice.reaches() == GIVEN


def test_a_function_reset_behind_its_back_is_survived(linux, router, alice):
    """Somebody writes to the VF's `reset` in sysfs: an FLR, of which no mailbox tells."""
    before = resets(router)
    linux.run("echo 1 >/sys/bus/pci/devices/%s/reset" % guest.vf_bdf(0))
    resets(router, more_than=before)
    assert alice.reaches() == GIVEN


def test_a_second_appliance_without_a_mac_of_the_pfs_chooses_one(linux, router):
    """VF 1: Linux's igb refuses the reset of a VF without MAC, and grants what the VF then asks for."""
    with guest.Guest(linux, [1], config="port 0 address 192.0.2.5/24\nforward l3\n", console=1) as second:
        mac = shows(second, link="up")["mac"]
        assert mac[1] in "26ae" and mac not in (GIVEN, OTHER)
        says(second, "the PF gives no MAC address; asking for " + mac)
        wait_for(lambda: "1 sent, 1 received" in second.command("ping 192.0.2.1 count 1"), "an answer")


def test_the_appliance_reboots_onto_the_same_vf(linux, router, alice):
    router.type("reboot\n")
    router.ready()
    shows(router, link="up", mac=GIVEN)
    assert alice.reaches() == GIVEN


def test_no_device_touched_what_it_was_not_given(linux, router):
    """Last: Linux's IOMMU saw no fault in all of this."""
    assert linux.faults() == []
