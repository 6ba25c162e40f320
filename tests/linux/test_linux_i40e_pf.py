"""Linux's own i40e makes VFs of the model of an X710, and another machine has them: our image with its adaptive VF's driver.
PF and VFs are one chip: virtchnl goes through its firmware, frames through its VEB."""
import re

import pytest

import guest
from guest import resets, shows
from host import FAR, GIVEN, VFS, VLAN, Cases, Host, alice, bob, router

STRANGER = "02:00:00:00:77:77"
CHECK_VLAN, CHECK_MAC = 2, 4
VF_QUEUES = 4       # with fewer CPUs Linux writes the PF's own queue 0 into a VF's table for those behind: forbidden


class ChipHost(Host):
    def vsi(self, number=0):
        """What is set of a VF's VSI: port VLAN, checks, Mb/s; and how many frames the checks have dropped."""
        return [int(word) for word in self.servers[0].ask("vf %d" % number)[1:]]


@pytest.fixture(scope="module")
def host():
    with ChipHost(program="i40e_server", cpus=VF_QUEUES) as machine:
        yield machine.begin()


@pytest.fixture(autouse=True)
def strict(host):
    """In the place of conftest's: neither Linux's driver nor ours has done what is forbidden."""
    yield
    assert host.violations() == [0], host.servers[0].story()


def test_linux_makes_the_vfs(host):
    log = host.run("dmesg")
    assert "Allocating %d VFs." % VFS in log
    assert re.search(r"pci 0000:01:02.1: \[8086:154c\]", log)
    assert "link/ether " + GIVEN in host.told() and "vlan %d" % VLAN in host.told(1)
    assert host.vsi(0)[:3] == [0, CHECK_VLAN | CHECK_MAC, 0] and host.vsi(1)[0] == VLAN


def test_virtchnl_brings_address_queues_and_link(host, router):
    entry = shows(router, link="up")
    assert (entry["driver"], entry["mac"]) == ("iavf", GIVEN)
    assert shows(router, 1, link="up")["driver"] == "iavf"


def strangers_heard(router, alice):
    """Of ten frames for somebody else, with one in the end for VF 0."""
    before = router.stats()["ports"][0]["rx_packets"]
    for _ in range(10):
        alice.send(b"for a stranger", dst=STRANGER)
    assert alice.reaches() == GIVEN
    return router.stats()["ports"][0]["rx_packets"] - before >= 10


class TestVfs(Cases):
    driver = "iavf"

    def is_kept(self, host, vlan=0, rate=0):
        kept = host.vsi()
        assert (kept[0], kept[2]) == (vlan, rate)

    def test_who_is_trusted_hears_everything(self, host, router, alice):
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

    def test_the_link_is_the_hosts_to_give(self, host, router, alice):
        host.vf("state disable")
        shows(router, link="down")
        host.vf("state auto")
        shows(router, link="up")
        assert alice.reaches() == GIVEN

    def test_senders_are_checked_as_the_host_says(self, host, router, alice):
        assert host.vsi()[1] == CHECK_VLAN | CHECK_MAC
        host.vf("spoofchk off")
        try:
            assert host.vsi()[1] == 0
            assert alice.reaches() == GIVEN
        finally:
            host.vf("spoofchk on")
        assert host.vsi()[1] == CHECK_VLAN | CHECK_MAC

    @pytest.mark.parametrize("kind", ["core", "global"])
    def test_resets_of_the_chip_are_survived(self, host, router, alice, kind):
        before = resets(router)
        host.servers[0].ask("reset " + kind)
        resets(router, more_than=before)
        shows(router, link="up")
        host.until(guest.is_up(host.pf))
        assert alice.reaches() == GIVEN
        host.until("ping -c 1 -W 1 " + FAR)
        host.bulk(True, FAR)
