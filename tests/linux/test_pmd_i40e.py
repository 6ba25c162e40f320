"""DPDK's i40e driver on the models of the X710 and XL710: it works, and does not one thing that they call
forbidden.  The test is at the far end of both cables."""
import re

import pytest

import guest
import pmd
from pmd_cases import ALL, FULL, OTHER, SCALAR, Every, crosses, frame, spread, stays_out, strict, swapped, testpmd

X710, XL710 = range(2)
OWN = ["02:07:10:90:00:01", "02:07:10:90:00:02"]
MOST = 9702                     # MTU: 9728 with two tags and FCS


@pytest.fixture(scope="module")
def machine():
    if why := pmd.missing():
        pytest.skip(why)
    with pmd.Machine([("pf", ["-d", "-m", "1"]), ("pf", ["-d", "-c", "xl710", "-p", "1", "-m", "2"])],
                     "i40e_server") as machine:
        yield machine


class Pfs(Every):
    nics = (X710, XL710)
    own = OWN
    speeds = (10, 40)
    to = OWN                    # a tag and promiscuous mode are no pair that everybody agrees on
    lists_groups = "mac_addr"   # the driver has no list of groups
    receives_wide = "Using (AVX2 )?Vector (Scattered )?Rx"
    sends_wide = "Using (AVX2 )?Vector Tx"

    def test_a_port_is_reset(self, testpmd):
        testpmd.commands("stop\nport stop all\nport reset 0\nport start all")
        testpmd.forward("io")
        self.both_ways(testpmd)


class TestPfs(Pfs):
    def test_firmware_is_asked(self, testpmd):
        assert "FW 9.120 API 1.15 NVM 09.02.00 eetrack 8000b5a0" in testpmd.log()

    def test_who_is_not_addressed_is_heard_when_promiscuous(self, testpmd):
        testpmd.command("set promisc 0 off")
        stays_out(testpmd, frame(100, 1, OTHER))
        crosses(testpmd, [frame(100, 1, OWN[X710])])
        testpmd.command("set promisc 0 on")
        crosses(testpmd, [frame(100, 1, OTHER)])

    def test_addresses_come_and_go(self, testpmd):
        new, more = "02:00:00:00:00:55", "02:00:00:00:00:56"
        testpmd.command("set promisc 0 off")
        testpmd.commands("mac_addr add 0 " + more)
        crosses(testpmd, [frame(100, 1, OWN[X710]), frame(100, 2, more)])
        testpmd.commands("mac_addr remove 0 " + more)
        stays_out(testpmd, frame(100, 2, more))
        testpmd.commands("mac_addr set 0 " + new)
        stays_out(testpmd, frame(100, 1, OWN[X710]))
        crosses(testpmd, [frame(100, 1, new)])
        testpmd.commands("mac_addr set 0 %s\nset promisc 0 on" % OWN[X710])

    def test_lengths_and_groups_are_counted(self, testpmd):
        testpmd.command("clear port xstats all")
        crosses(testpmd, [frame(100, n, ALL) for n in range(10)])
        here, there = testpmd.xstats(0), testpmd.xstats(1)
        assert here["rx_size_65_to_127_packets"] == here["rx_broadcast_packets"] == 10
        assert there["tx_size_65_to_127_packets"] == there["tx_broadcast_packets"] == 10
        assert here["rx_good_bytes"] == there["tx_good_bytes"] == 10 * 100
        assert not any(value for name, value in here.items() if re.search("error|drop|missed", name))

    @pytest.mark.parametrize("queues", [4, 16])
    def test_queues_share_the_flows(self, testpmd, queues):
        testpmd.again("port config all rxq %d\nport config all txq %d" % (queues, queues))
        testpmd.command("port config all rss udp")
        spread(testpmd, queues, OWN[X710])
        testpmd.again("port config all rxq 1\nport config all txq 1")

    def test_the_link_goes_and_comes(self, testpmd):
        for port in (0, 1):
            for up in (False, True):
                testpmd.servers[port].link(up)
                testpmd.event("Port %d: link state change event" % port)
                guest.wait_for(lambda: ("Link status: up" in testpmd.command("show port info %d" % port)) == up, "link")
        self.both_ways(testpmd)

    def test_the_core_is_reset_and_the_port_after_it(self, testpmd):
        """DPDK's driver does nothing about it: who uses it resets the port."""
        testpmd.servers[0].ask("reset core")
        guest.wait_for(lambda: testpmd.servers[0].ask("resets")[2] == "1", "the reset")
        testpmd.commands("stop\nport stop all\nport reset 0\nport start all")
        testpmd.forward("io")
        self.both_ways(testpmd)


class Long(Pfs):
    """Frames of several buffers, and tags that the chip puts in."""

    def test_long_frames(self, testpmd):
        for mtu in (9000, MOST):
            testpmd.again("port config mtu 0 %d\nport config mtu 1 %d" % (mtu, mtu))
            self.both_ways(testpmd, (60, 1515, 2048, 4096, 9014, mtu + 13, mtu + 14))
        testpmd.again("port config mtu 0 1500\nport config mtu 1 1500")
        stays_out(testpmd, frame(1523, 0, OWN[X710]))

    def test_tags_are_put_in(self, testpmd):
        testpmd.again("tx_vlan set 1 7", "macswap")
        crosses(testpmd, [frame(100, 3, OWN[X710])],
                [swapped(frame(100, 3, OWN[X710]))[:12] + b"\x81\0\0\7" + frame(100, 3)[12:]])
        testpmd.again("tx_vlan reset 1")


class TestFullPfs(Long):
    options = ("", FULL)


class TestScalarPfs(Long):
    options = (SCALAR, FULL)
