"""DPDK's ixgbe and ixgbevf drivers on the models of the 82599 and X540, PFs and VFs: they work, and do not one
thing that a model calls forbidden.  The test is at the far end of every cable."""
import re
import struct

import pytest

import guest
import pmd

PF, X540, VF, X540_VF = range(4)
API_1_3 = 4                     # as the message has it
MAXFRS = 0x4268
OWN = ["02:82:59:90:00:0%d" % (nic + 1) for nic in range(4)]
OTHER = "02:00:00:00:00:99"
GROUP = "01:00:5e:00:00:05"
ALL = "ff:ff:ff:ff:ff:ff"
FULL = "--tx-offloads=0x8001"   # tags are inserted, frames have several buffers: no wide path to send
SCALAR = "--force-max-simd-bitwidth=64"


@pytest.fixture(scope="module")
def machine():
    if why := pmd.missing():
        pytest.skip(why)
    with pmd.Machine([("pf", ["-m", "1"]), ("pf", ["-c", "x540", "-m", "2"]), ("vf", ["-m", "3"]),
                      ("vf", ["-c", "x540", "-m", "4"])]) as machine:
        yield machine


@pytest.fixture(scope="class")
def testpmd(request, machine):
    with pmd.Testpmd(machine, request.cls.nics, *request.cls.options) as testpmd:
        yield testpmd


@pytest.fixture(autouse=True)
def strict(machine):
    """In the place of conftest's: of these models."""
    before = machine.violations()
    yield
    assert machine.violations() == before, "\n".join(server.story() for server in machine.servers)


# ---- Frames -------------------------------------------------------------------------

def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def frame(size, n=0, to=OTHER, tag=None):
    tag = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    return mac(to) + mac("02:aa:00:00:00:01") + tag + b"\x88\xb5" + bytes((n + k) & 0xff for k in range(size - 14))


def swapped(data):
    return data[6:12] + data[:6] + data[12:]


def flow(n, to):
    """A UDP packet of a flow of its own."""
    header = bytes((0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, n + 1, 10, 0, 1, 255 - n))
    return frame(14, to=to)[:12] + b"\x08\x00" + header + struct.pack(">HHHH", 1000 + n, 2000 + 7 * n, 26, 0) + bytes(18)


def crosses(testpmd, frames, wanted=None, port=0):
    """What goes in at one port comes out of the other, in order."""
    testpmd.cables[port].send(*frames)
    for each in frames if wanted is None else wanted:
        seen = testpmd.cables[1 - port].receive()
        assert seen == each, (len(each), [server.ask("frames") for server in testpmd.servers])


def stays_out(testpmd, *frames, port=0):
    """They are not received: a broadcast behind them is the first that comes out."""
    crosses(testpmd, [*frames, frame(60, 7, ALL)], [frame(60, 7, ALL)], port)


def register(testpmd, port, offset):
    return int(testpmd.servers[port].ask("register %x" % offset)[1], 16)


class Every:
    """What a PF's driver and a VF's do alike, by whatever path."""

    options = ("",)
    to = (OTHER, OTHER)         # frames that the ports receive

    def both_ways(self, testpmd, sizes=(60, 61, 64, 65, 128, 256, 512, 1024, 1513, 1514)):
        for port in (0, 1):
            crosses(testpmd, [frame(size, n, self.to[port]) for n, size in enumerate(sizes)], port=port)
        assert testpmd.cables[0].frames.empty() and testpmd.cables[1].frames.empty()

    def test_ports_start(self, testpmd):
        for port, nic in enumerate(self.nics):
            shown = testpmd.command("show port info %d" % port)
            assert re.search("^MAC address: %s$" % OWN[nic], shown, re.M | re.I)
            assert "Link status: up" in shown and "Link speed: 10 Gbps" in shown
        wide = SCALAR not in self.options
        log = testpmd.log()
        assert bool(re.search("Vector rx enabled|Using Vector Scattered Rx", log)) == wide
        assert ("Vector tx enabled" in log) == (wide and FULL not in self.options)

    def test_every_frame_crosses(self, testpmd):
        self.both_ways(testpmd)
        for port in (0, 1):
            crosses(testpmd, [frame(60 + n % 1455, n, self.to[port]) for n in range(600)], port=port)

    def test_frames_are_counted(self, testpmd):
        testpmd.command("clear port stats all")
        crosses(testpmd, [frame(100, n, self.to[0]) for n in range(10)])
        crosses(testpmd, [frame(1000, n, ALL) for n in range(5)], port=1)
        for port, counts in enumerate(((10, 5), (5, 10))):
            stats = testpmd.stats(port)
            assert (stats["RX-packets"], stats["TX-packets"]) == counts
            assert stats["RX-missed"] == stats["RX-errors"] == stats["TX-errors"] == stats["RX-nombuf"] == 0

    def test_tags_are_filtered_and_stripped(self, testpmd):
        five, six = (frame(100, 1, self.to[0], tag) for tag in (5, 0xe006))
        testpmd.commands("vlan set filter on 0\nrx_vlan add 5 0")
        crosses(testpmd, [five])
        stays_out(testpmd, six)
        testpmd.commands("rx_vlan add 6 0\nvlan set strip on 0")
        crosses(testpmd, [five, six], [frame(100, 1, self.to[0])] * 2)
        testpmd.commands("rx_vlan rm 5 0\nvlan set strip off 0")
        stays_out(testpmd, five)
        crosses(testpmd, [six])
        testpmd.commands("rx_vlan rm 6 0\nvlan set filter off 0")

    def test_groups_are_joined(self, testpmd):
        testpmd.commands("set promisc all off")
        group = frame(100, 1, GROUP)
        stays_out(testpmd, group)
        testpmd.commands("mcast_addr add 0 " + GROUP)
        crosses(testpmd, [group])
        testpmd.commands("mcast_addr remove 0 " + GROUP)
        stays_out(testpmd, group)
        testpmd.commands("set allmulti 0 on")
        crosses(testpmd, [group])
        testpmd.commands("set allmulti 0 off\nset promisc all on")

    def test_stopped_and_started(self, testpmd):
        for _ in range(2):
            testpmd.again()
            self.both_ways(testpmd)


class Pfs(Every):
    nics = (PF, X540)


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
        testpmd.command("clear port xstats all")
        flows = [flow(n, OWN[VF]) for n in range(64)]
        testpmd.cables[0].send(*flows)
        assert sorted(testpmd.cables[1].receive() for _ in flows) == sorted(flows)
        assert re.search(r"Stats for RX Port= 0/Queue= 1 .*\n\s+RX-packets: [1-9]", testpmd.command("stop"))
        testpmd.again("port config all rxq 1\nport config all txq 1")

    def test_the_pf_is_reset(self, testpmd):
        testpmd.servers[0].ask("reset begin")
        testpmd.servers[0].ask("reset end")
        testpmd.event("Port 0: reset event")
        testpmd.commands("stop\nport stop all\nport reset 0\nport start all")
        testpmd.forward("io")
        self.both_ways(testpmd)
