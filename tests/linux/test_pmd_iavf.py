"""DPDK's iavf driver on the models of adaptive VFs: behind a PF that serves them as Linux's i40e does, and behind one
that does as ice.  It works, and not one access or message is forbidden.  The test is at the far end of both cables."""
import re

import pytest

import guest
import pmd
from pmd_cases import FULL, OTHER, SCALAR, Every, crosses, frame, spread, stays_out, strict, swapped, testpmd

I40E, ICE = range(2)
OWN = ["02:82:59:90:00:01", "02:82:59:90:00:02"]
MOST = 9702                     # MTU: 9728 with two tags and FCS
GET_VF_RESOURCES, ADD_VLAN, REQUEST_QUEUES, ADD_VLAN_V2 = 3, 12, 29, 52
LOG = "--log-level=pmd.net.iavf.driver:debug "


@pytest.fixture(scope="module")
def machine():
    if why := pmd.missing():
        pytest.skip(why)
    with pmd.Machine([("vf", ["-c", "i40e", "-m", "1", "-q", "4"]), ("vf", ["-c", "ice", "-m", "2", "-q", "4"])],
                     "iavf_server") as machine:
        yield machine


def seen(testpmd, port, operation):
    """How often the VF has said it."""
    return int(testpmd.servers[port].ask("seen %d" % operation)[1])


class Vfs(Every):
    nics = (I40E, ICE)
    own = OWN
    speeds = (40, 25)
    to = OWN
    receives_wide = "Using (avx2 )?Vector (Scattered )?Rx"
    sends_wide = "Using (avx2 )?Vector Tx"

    def test_the_pf_resets_the_vf(self, testpmd):
        for port in (0, 1):
            before = seen(testpmd, port, GET_VF_RESOURCES)
            testpmd.servers[port].ask("impend")
            testpmd.event("Port %d: reset event" % port)
            testpmd.servers[port].ask("reset")
            testpmd.commands("stop\nport stop all\nport reset %d\nport start all" % port)
            testpmd.forward("io")
            assert seen(testpmd, port, GET_VF_RESOURCES) > before
            self.both_ways(testpmd)

    def test_a_port_is_reset(self, testpmd):
        testpmd.commands("stop\nport stop all\nport reset all\nport start all")
        testpmd.forward("io")
        self.both_ways(testpmd)


class TestVfs(Vfs):
    options = (LOG,)

    def test_descriptors_are_what_the_pf_has(self, testpmd):
        log = testpmd.log()
        assert "request RXDID[1] in Queue[0] is legacy" in log
        assert "request RXDID[22] in Queue[0]" in log and "RXDID[22] in Queue[0] is not supported" not in log

    def test_vlans_in_either_version(self, testpmd):
        before = seen(testpmd, 0, ADD_VLAN), seen(testpmd, 1, ADD_VLAN_V2)
        for port in (0, 1):
            tagged = [frame(100, vlan, self.to[port], vlan) for vlan in (5, 6)]
            testpmd.commands("vlan set filter on {0}\nrx_vlan add 5 {0}".format(port))
            crosses(testpmd, [tagged[0]], port=port)
            stays_out(testpmd, tagged[1], port=port)
            testpmd.commands("rx_vlan rm 5 {0}\nvlan set filter off {0}".format(port))
        assert (seen(testpmd, 0, ADD_VLAN), seen(testpmd, 1, ADD_VLAN_V2)) == (before[0] + 1, before[1] + 1)

    def test_who_is_not_addressed_is_heard_when_promiscuous(self, testpmd):
        for port in (0, 1):
            testpmd.command("set promisc %d off" % port)
            stays_out(testpmd, frame(100, 1, OTHER), port=port)
            crosses(testpmd, [frame(100, 1, OWN[port])], port=port)
            testpmd.command("set promisc %d on" % port)
            crosses(testpmd, [frame(100, 1, OTHER)], port=port)

    def test_addresses_come_and_go(self, testpmd):
        new, more = "02:00:00:00:00:55", "02:00:00:00:00:56"
        testpmd.command("set promisc 0 off")
        testpmd.commands("mac_addr add 0 " + more)
        crosses(testpmd, [frame(100, 1, OWN[I40E]), frame(100, 2, more)])
        testpmd.commands("mac_addr remove 0 " + more)
        stays_out(testpmd, frame(100, 2, more))
        testpmd.commands("mac_addr set 0 " + new)
        stays_out(testpmd, frame(100, 1, OWN[I40E]))
        crosses(testpmd, [frame(100, 1, new)])
        testpmd.commands("mac_addr set 0 %s\nset promisc 0 on" % OWN[I40E])

    @pytest.mark.parametrize("queues", [4, 16])
    def test_queues_share_the_flows(self, testpmd, queues):
        """With more queues than it was given a VF asks for more, and is reset for that."""
        before = seen(testpmd, 0, REQUEST_QUEUES)
        testpmd.again("port config all rxq %d\nport config all txq %d" % (queues, queues))
        assert seen(testpmd, 0, REQUEST_QUEUES) == before + (queues > 4)
        testpmd.command("port config all rss udp")
        spread(testpmd, queues, OWN[I40E])
        testpmd.again("port config all rxq 1\nport config all txq 1")

    def test_the_link_goes_and_comes(self, testpmd):
        for port in (0, 1):
            for up in (False, True):
                testpmd.servers[port].link(up)
                testpmd.event("Port %d: link state change event" % port)
                guest.wait_for(lambda: ("Link status: up" in testpmd.command("show port info %d" % port)) == up, "link")
        self.both_ways(testpmd)


class Long(Vfs):
    """Frames of several buffers, and tags that the chip puts in."""

    def test_long_frames(self, testpmd):
        for mtu in (9000, MOST):
            testpmd.again("port config mtu 0 %d\nport config mtu 1 %d" % (mtu, mtu))
            self.both_ways(testpmd, (60, 1515, 2048, 4096, 9014, mtu + 13, mtu + 14))
        testpmd.again("port config mtu 0 1500\nport config mtu 1 1500")
        stays_out(testpmd, frame(1523, 0, OWN[I40E]))

    def test_tags_are_put_in(self, testpmd):
        testpmd.again("tx_vlan set 1 7", "macswap")
        crosses(testpmd, [frame(100, 3, OWN[I40E])],
                [swapped(frame(100, 3, OWN[I40E]))[:12] + b"\x81\0\0\7" + frame(100, 3)[12:]])
        testpmd.again("tx_vlan reset 1")


class TestFullVfs(Long):
    options = (LOG, FULL)


class TestScalarVfs(Long):
    options = (LOG + SCALAR, FULL)
