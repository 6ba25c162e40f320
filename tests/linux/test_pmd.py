"""DPDK's ixgbe and ixgbevf drivers on the models of the 82599 and X540, PFs and VFs: they work, and do not one
thing that a model calls forbidden.  The test is at the far end of every cable."""
import re

import pytest

import guest
import pmd
from pmd_cases import ALL, FULL, OTHER, SCALAR, Every, crosses, flow, frame, spread, \
    stays_out, strict, swapped, testpmd

PF, X540, VF, X540_VF = range(4)
API_1_3 = 4                     # as the message has it
MAXFRS = 0x4268
OWN = ["02:82:59:90:00:0%d" % (nic + 1) for nic in range(4)]


@pytest.fixture(scope="module")
def machine():
    if why := pmd.missing():
        pytest.skip(why)
    with pmd.Machine([("pf", ["-d", "-m", "1"]), ("pf", ["-d", "-c", "x540", "-m", "2"]), ("vf", ["-d", "-m", "3"]),
                      ("vf", ["-d", "-c", "x540", "-m", "4"])]) as machine:
        yield machine


def register(testpmd, port, offset):
    return int(testpmd.servers[port].ask("register %x" % offset)[1], 16)


class Pfs(Every):
    nics = (PF, X540)
    own = OWN[PF], OWN[X540]
    speeds = (10, 10)


class TestPfs(Pfs):
    def test_the_module_is_read(self, testpmd):
        assert re.search(r"MAC: 2, PHY: \d+, SFP\+: 5\n", testpmd.log())

    def test_who_is_not_addressed_is_heard_when_promiscuous(self, testpmd):
        testpmd.command("set promisc 0 off")
        stays_out(testpmd, frame(100, 1, OTHER))
        crosses(testpmd, [frame(100, 1, OWN[PF])])
        testpmd.command("set promisc 0 on")
        crosses(testpmd, [frame(100, 1, OTHER)])

    def test_lengths_and_groups_are_counted(self, testpmd):
        testpmd.command("clear port xstats all")
        crosses(testpmd, [frame(100, n, ALL) for n in range(10)])
        here, there = testpmd.xstats(0), testpmd.xstats(1)
        assert here["rx_size_65_to_127_packets"] == here["rx_broadcast_packets"] == 10
        assert there["tx_size_65_to_127_packets"] == there["tx_broadcast_packets"] == 10
        assert here["rx_good_bytes"] == here["rx_total_bytes"] == there["tx_good_bytes"] == 10 * 100
        assert not any(value for name, value in here.items() if re.search("error|drop|missed", name))

    def test_four_queues_share_the_flows(self, testpmd):
        testpmd.again("port config all rxq 4\nport config all txq 4")
        testpmd.command("port config all rss udp")
        testpmd.commands("\n".join("set stat_qmap rx 0 %d %d" % (n, n) for n in range(4)))
        testpmd.command("clear port xstats all")
        flows = [flow(n, OTHER) for n in range(64)]
        testpmd.cables[0].send(*flows)
        assert sorted(testpmd.cables[1].receive() for _ in flows) == sorted(flows)
        stats = testpmd.xstats(0)
        shares = [stats["rx_q%d_packets" % n] for n in range(4)]
        assert sum(shares) == len(flows) and min(shares) >= 4, shares
        testpmd.again("port config all rxq 1\nport config all txq 1")

    def test_the_link_goes_and_comes(self, testpmd):
        for port in (0, 1):
            for up in (False, True):
                testpmd.servers[port].link(up)
                testpmd.event("Port %d: link state change event" % port)
                guest.wait_for(lambda: ("Link status: up" in testpmd.command("show port info %d" % port)) == up, "link")
        self.both_ways(testpmd)


class Long(Pfs):
    """Frames of several buffers, and tags that the chip puts in."""

    def test_long_frames(self, testpmd):
        for mtu in (9000, 15854):
            testpmd.again("port config mtu 0 %d\nport config mtu 1 %d" % (mtu, mtu))
            self.both_ways(testpmd, (60, 1515, 2048, 4096, 9014, mtu + 13, mtu + 14))
            if mtu == 9000:
                stays_out(testpmd, frame(mtu + 15))
        testpmd.again("port config mtu 0 1500\nport config mtu 1 1500")
        stays_out(testpmd, frame(1515))

    def test_tags_are_put_in(self, testpmd):
        testpmd.again("tx_vlan set 1 7", "macswap")
        crosses(testpmd, [frame(100, 3)], [swapped(frame(100, 3))[:12] + b"\x81\0\0\7" + frame(100, 3)[12:]])
        testpmd.again("tx_vlan reset 1")


class TestFullPfs(Long):
    options = ("", FULL)


class TestScalarPfs(Long):
    options = (SCALAR, FULL)


class TestVfs(Every):
    nics = (VF, X540_VF)
    own = OWN[VF], OWN[X540_VF]
    speeds = (10, 10)
    options = ("", FULL)
    to = (OWN[VF], OWN[X540_VF])

    def test_the_highest_version_is_agreed_on(self, testpmd):
        assert [server.ask("agreed") for server in testpmd.servers] == [["agreed", str(API_1_3)]] * 2

    def test_only_an_x540_s_vf_is_promiscuous(self, testpmd):
        testpmd.command("set promisc 0 on")
        assert "Error during enabling promiscuous mode for port 0" in testpmd.log()
        stays_out(testpmd, frame(100, 1, OTHER))
        testpmd.command("set promisc 1 off")
        stays_out(testpmd, frame(100, 1, OTHER), port=1)
        testpmd.command("set promisc 1 on")
        crosses(testpmd, [frame(100, 1, OTHER)], port=1)
        testpmd.command("set promisc 1 off")

    def test_addresses_come_and_go(self, testpmd):
        new, more = "02:00:00:00:00:55", "02:00:00:00:00:56"
        stays_out(testpmd, frame(100, 1, new))
        testpmd.commands("mac_addr add 0 " + more)
        crosses(testpmd, [frame(100, 1, OWN[VF]), frame(100, 2, more)])
        testpmd.commands("mac_addr remove 0 " + more)
        stays_out(testpmd, frame(100, 2, more))
        testpmd.commands("mac_addr set 0 " + new)
        stays_out(testpmd, frame(100, 1, OWN[VF]))
        crosses(testpmd, [frame(100, 1, new)])
        testpmd.commands("mac_addr set 0 " + OWN[VF])

    def test_long_frames(self, testpmd):
        stays_out(testpmd, frame(1515, 0, OWN[VF]))
        testpmd.again("port config mtu 0 9000\nport config mtu 1 9000")
        assert register(testpmd, 0, MAXFRS) >> 16 == 9018
        self.both_ways(testpmd, (60, 1515, 2048, 9014))
        stays_out(testpmd, frame(9015, 0, OWN[VF]))
        testpmd.again("port config mtu 0 1500\nport config mtu 1 1500")

    def test_two_queues_share_the_flows(self, testpmd):
        testpmd.again("port config all rxq 2\nport config all txq 2")
        spread(testpmd, 2, OWN[VF])
        testpmd.again("port config all rxq 1\nport config all txq 1")

    def test_the_pf_is_reset(self, testpmd):
        testpmd.servers[0].ask("reset begin")
        testpmd.servers[0].ask("reset end")
        testpmd.event("Port 0: reset event")
        testpmd.commands("stop\nport stop all\nport reset 0\nport start all")
        testpmd.forward("io")
        self.both_ways(testpmd)
