"""Our image has the PF of the model of an X710 and makes VFs, and DPDK's iavf has both: testpmd in a Linux guest.  One
switch joins them with the PF, whose cable ends in the test; what comes in for one VF goes out by the other."""
import re

import pytest

import pmd
from guest import shows, wait_for
from master import GIVEN, begun, strictly
from pmd_cases import GROUP, OTHER, flow, frame, mac, testpmd

PEERS = ("02:00:00:00:00:a0", "02:00:00:00:00:a1")      # whom each VF sends to: stations on the wire
MORE = "02:00:00:00:00:56"


@pytest.fixture(scope="module")
def master():
    if why := pmd.missing():
        pytest.skip(why)
    yield from begun("i40e_server", cpus=2)


@pytest.fixture(scope="module")
def machine(master):
    with pmd.Machine([], served=master.model.served.vfs) as machine:
        yield machine


@pytest.fixture(autouse=True)
def strict(master):
    """In the place of conftest's: neither our driver nor DPDK's does what is forbidden."""
    yield from strictly(master.model.served, None)


@pytest.fixture(scope="class", autouse=True)
def forwarding(testpmd):
    """Each VF's frames have its own address, or the switch drops them."""
    testpmd.commands("stop\n" + "\n".join("set eth-peer %d %s" % each for each in enumerate(PEERS)))
    testpmd.own = [re.search("^MAC address: (.*)$", testpmd.command("show port info %d" % port), re.M).group(1)
                   for port in (0, 1)]
    testpmd.forward("mac")


def sent_on(testpmd, data, port=0):
    """What came in for that VF, as the other one sends it."""
    return mac(PEERS[1 - port]) + mac(testpmd.own[1 - port]) + data[12:]


def to_peer(port):
    """A filter for what the VF has sent of ours; not of the image's, whose announcements it passes on too."""
    return lambda seen: seen[:6] == mac(PEERS[port]) and b"\x88\xb5" in (seen[12:14], seen[16:18])


def crosses(master, testpmd, frames, port=0, wanted=None):
    master.model.send(*frames)
    for each in frames if wanted is None else wanted:
        assert master.model.expect(to_peer(1 - port)) == sent_on(testpmd, each, port)


def stays_out(master, testpmd, *frames, port=0):
    """The first that crosses is the one behind them."""
    last = frame(60, 7, testpmd.own[port])
    crosses(master, testpmd, [*frames, last], port, [last])


def both_ways(master, testpmd, sizes=(60, 61, 64, 65, 128, 256, 512, 1024, 1513, 1514)):
    for port in (0, 1):
        crosses(master, testpmd, [frame(size, n, testpmd.own[port]) for n, size in enumerate(sizes)], port)


def again(testpmd, lines=""):
    testpmd.again(lines, "mac")


def is_reset(master, testpmd, port="all"):
    testpmd.commands("stop\nport stop all\nport reset %s\nport start all" % port)
    testpmd.forward("mac")
    both_ways(master, testpmd)


class TestVfs:
    nics = (0, 1)
    options = ("--log-level=pmd.net.iavf.driver:debug ",)

    def test_ports_start(self, master, testpmd):
        assert testpmd.own[0].lower() == GIVEN
        for port in (0, 1):
            shown = testpmd.command("show port info %d" % port)
            assert "Link status: up" in shown and "Link speed: 10 Gbps" in shown
        both_ways(master, testpmd)

    def test_every_length_crosses(self, master, testpmd):
        for port in (0, 1):
            crosses(master, testpmd, [frame(60 + n % 1455, n, testpmd.own[port]) for n in range(300)], port)

    def test_the_other_vf_is_in_the_same_switch(self, master, testpmd):
        """VF 0 sends to VF 1 what came from the wire, and that one back to the wire."""
        testpmd.commands("set eth-peer 1 " + testpmd.own[0])
        data = frame(100, 1, testpmd.own[0])
        before = master.received()
        master.model.send(data)     # VF 1 sends it to VF 0, and so on without end
        wait_for(lambda: testpmd.stats(0)["RX-packets"] > 100, "it goes round")
        testpmd.commands("set eth-peer 1 %s" % PEERS[1])
        assert master.model.expect(to_peer(1)) == sent_on(testpmd, data)
        assert master.received() - before < 100
        both_ways(master, testpmd)

    def test_stopped_and_started(self, master, testpmd):
        for _ in range(2):
            again(testpmd)
            both_ways(master, testpmd)

    def test_a_port_is_reset(self, master, testpmd):
        is_reset(master, testpmd)

    def test_the_pf_resets_a_vf(self, master, testpmd):
        """By a policy of the administrator's, of which DPDK is told while it still can hear it."""
        master.vf("vlan 5", 1)
        testpmd.event("Port 1: reset event")
        testpmd.commands("stop\nport stop all\nport reset 1\nport start all")
        testpmd.forward("mac")
        data = frame(100, 1, testpmd.own[0])
        master.model.send(data)
        seen = master.model.expect(to_peer(1))
        assert seen[12:16] == b"\x81\x00\x00\x05" and seen[:12] + seen[16:] == sent_on(testpmd, data)
        master.vf("vlan 0", 1)
        testpmd.event("Port 1: reset event")
        is_reset(master, testpmd, 1)

    @pytest.mark.parametrize("kind", ["core", "global"])
    def test_the_chip_is_reset(self, master, testpmd, kind):
        """Our PF learns of it when it is done, and so nobody can tell a VF: DPDK 22.11 does not look by itself."""
        resets = master.model.served.ask("resets")
        master.model.served.ask("reset " + kind)
        wait_for(lambda: master.model.served.ask("resets") != resets, "the chip's reset")
        shows(master, link="up")
        is_reset(master, testpmd)

    def test_our_port_goes_and_comes(self, master, testpmd):
        master.must("port 0 down")
        master.must("port 0 up")
        testpmd.event("Port [01]: reset event")
        testpmd.event("Port [01]: reset event")
        is_reset(master, testpmd)

    def test_what_trust_allows(self, master, testpmd):
        """testpmd asks for promiscuous mode as it starts, and has not got it."""
        stranger = frame(100, 1, OTHER)
        stays_out(master, testpmd, stranger)
        master.shows_vf("only a trusted VF may be promiscuous")
        master.vf("trust on")
        testpmd.event("Port 0: reset event")
        is_reset(master, testpmd, 0)
        testpmd.commands("set promisc 0 off\nset promisc 0 on")
        crosses(master, testpmd, [stranger])
        testpmd.command("set promisc 0 off")
        stays_out(master, testpmd, stranger)
        master.vf("trust off")
        testpmd.event("Port 0: reset event")
        is_reset(master, testpmd, 0)

    @pytest.mark.parametrize("queues", [4, 16])
    def test_queues_share_the_flows(self, master, testpmd, queues):
        again(testpmd, "port config all rxq %d\nport config all txq %d" % (queues, queues))
        testpmd.command("port config all rss udp")
        flows = [flow(n, testpmd.own[0]) for n in range(15 * queues)]
        master.model.send(*flows)
        seen = sorted(master.model.expect(lambda seen: seen[:6] == mac(PEERS[1]) and seen[12:14] == b"\x08\x00")
                      for _ in flows)
        assert seen == sorted(sent_on(testpmd, data) for data in flows)
        told = testpmd.command("stop")
        shares = [int(n) for n in re.findall(r"Stats for RX Port= 0/Queue= ?\d+ .*\n\s+RX-packets: (\d+)", told)]
        assert len(shares) == queues and sum(shares) == len(flows) and min(shares) > 0, told
        again(testpmd, "port config all rxq 1\nport config all txq 1")

    def test_vlans_are_filtered_and_stripped(self, master, testpmd):
        five, six = (frame(100, 1, testpmd.own[0], tag) for tag in (5, 0xe006))
        testpmd.commands("vlan set filter on 0\nrx_vlan add 5 0")
        crosses(master, testpmd, [five])
        stays_out(master, testpmd, six)
        testpmd.commands("rx_vlan add 6 0\nvlan set strip on 0")
        crosses(master, testpmd, [five, six], wanted=[frame(100, 1, testpmd.own[0])] * 2)
        testpmd.commands("rx_vlan rm 5 0\nvlan set strip off 0")
        stays_out(master, testpmd, five)
        crosses(master, testpmd, [six])
        testpmd.commands("rx_vlan rm 6 0\nvlan set filter off 0")

    def test_groups_are_joined(self, master, testpmd):
        group = frame(100, 1, GROUP)
        stays_out(master, testpmd, group)
        testpmd.command("mcast_addr add 0 " + GROUP)
        crosses(master, testpmd, [group])
        testpmd.command("mcast_addr remove 0 " + GROUP)
        stays_out(master, testpmd, group)

    def test_addresses_come_and_go(self, master, testpmd):
        """VF 1's own are its to choose; VF 0's is the administrator's.  What VF 1 sends has its first one as long as
        testpmd runs, which the switch drops while that is not its."""
        own, data = testpmd.own[1], frame(100, 2, MORE)
        stays_out(master, testpmd, data, port=1)
        testpmd.command("mac_addr add 1 " + MORE)
        crosses(master, testpmd, [data, frame(100, 1, own)], port=1)
        testpmd.command("mac_addr remove 1 " + MORE)
        stays_out(master, testpmd, data, port=1)
        testpmd.command("mac_addr set 1 " + MORE)
        testpmd.own[1] = MORE
        stays_out(master, testpmd, frame(100, 1, own), port=1)
        testpmd.command("mac_addr set 1 " + own)
        testpmd.own[1] = own
        testpmd.command("mac_addr set 0 " + OTHER)
        master.shows_vf("refused +the administrator set its address")
        both_ways(master, testpmd)

    def test_the_link_is_the_wires(self, master, testpmd):
        for up in (False, True):
            master.model.served.link(up)
            for port in (0, 1):
                wait_for(lambda: ("Link status: up" in testpmd.command("show port info %d" % port)) == up, "link")
        both_ways(master, testpmd)

    def test_frames_are_counted(self, master, testpmd):
        testpmd.command("clear port stats all")
        crosses(master, testpmd, [frame(100, n, testpmd.own[0]) for n in range(10)])
        here, there = testpmd.stats(0), testpmd.stats(1)
        assert (here["RX-packets"], there["TX-packets"]) == (10, 10)
        assert (here["RX-bytes"], there["TX-bytes"]) == (1000, 1040)   # with the FCS: DPDK takes it off what came in alone
        assert here["RX-missed"] == here["RX-errors"] == there["TX-errors"] == 0
