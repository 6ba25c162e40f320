"""DPDK's ixgbe and ixgbevf drivers on the models of the 82599 and X540, PFs and VFs: they work, and do not one
thing that a model calls forbidden.  The test is at the far end of every cable."""
import re

import pytest

import pmd
from pmd_cases import FULL, OTHER, SCALAR, Addresses, Every, Heard, Long, crosses, flow, frame, lengths_are_counted, \
    spread, stays_out, strict, testpmd

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


class TestPfs(Heard, Pfs):
    def test_the_module_is_read(self, testpmd):
        assert re.search(r"MAC: 2, PHY: \d+, SFP\+: 5\n", testpmd.log())

    def test_lengths_and_groups_are_counted(self, testpmd):
        assert lengths_are_counted(testpmd)["rx_total_bytes"] == 10 * 100

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


class LongFrames(Long, Pfs):
    most, tags = 15854, 0


class TestFullPfs(LongFrames):
    options = ("", FULL)


class TestScalarPfs(LongFrames):
    options = (SCALAR, FULL)


class TestVfs(Addresses):
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
        self.is_reset(testpmd, 0)
