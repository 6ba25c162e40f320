"""Linux's own ixgbe makes VFs of the model, and another machine has them: our image with its ixgbevf driver.
PF and VFs are one chip: what they say to each other goes through its mailbox and its switch."""
import re

import pytest

import modelled
from guest import resets, says, shows
from host import GIVEN, VFS, VLAN, Cases, Host, alice, bob, router


@pytest.fixture(scope="module")
def host():
    with Host() as machine:
        yield machine.begin()


@pytest.fixture(autouse=True)
def strict(host):
    """In the place of conftest's.  One thing is Linux's own: what ip asks for is said to the VF by ip's CPU, without a
    lock against the interrupt handler that reads the mailbox on another one and lets go of the buffer between."""
    yield
    story = host.servers[0].story().splitlines()
    assert [line for line in story if "PF: message written into a buffer" not in line] == []


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


class TestVfs(Cases):
    driver = "ixgbevf"
    refused = {"mac": ": the PF refused the address", "vlan": ": the PF refused the VLAN: it has one set"}
    pings = "-c 200 -i 0.01 -W 20"

    def give(self, host, mac):
        super().give(host, mac)
        host.ip("link set %s down" % host.pf)
        host.ip("link set %s up" % host.pf)

    @pytest.mark.parametrize("trust", ["off", "on"])
    def test_an_82599s_vf_is_never_promiscuous(self, host, router, alice, trust):
        host.vf("trust " + trust)
        try:
            answer = router.command("port 0 promiscuous on")
            assert "error: port 0 (ixgbevf): promiscuous is not changed: the PF does not let this VF" in answer
            router.command("port 0 promiscuous off")
            assert alice.reaches() == GIVEN
        finally:
            host.vf("trust off")

    def test_a_reset_of_the_pf_is_survived(self, host, router, alice):
        for _ in range(2):
            before = resets(router)
            host.run("%s -r %s" % (modelled.ETHTOOL, host.pf))
            resets(router, more_than=before)
            shows(router, link="up")
            assert alice.reaches() == GIVEN
