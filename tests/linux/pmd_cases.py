"""What every driver of DPDK's is asked on models: frames, and the cases that all pass.

A module of tests has `machine` (pmd.Machine) and imports `testpmd` and `strict`; a class of its own has
`nics` (the machine's), `own` (their addresses), `speeds`, and the options of testpmd."""
import re
import struct

import pytest

import guest
import pmd

OTHER = "02:00:00:00:00:99"
GROUP = "01:00:5e:00:00:05"
ALL = "ff:ff:ff:ff:ff:ff"
FULL = "--tx-offloads=0x8001"   # tags are inserted, frames have several buffers: no wide path to send
SCALAR = "--force-max-simd-bitwidth=64"


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


def spread(testpmd, queues, to):
    """Flows in at port 0 go to all of so many queues, and all of them come out at port 1."""
    flows = [flow(n, to) for n in range(15 * queues)]
    testpmd.cables[0].send(*flows)
    assert sorted(testpmd.cables[1].receive() for _ in flows) == sorted(flows)
    told = testpmd.command("stop")
    shares = [int(n) for n in re.findall(r"Stats for RX Port= 0/Queue= ?\d+ .*\n\s+RX-packets: (\d+)", told)]
    assert len(shares) == queues and sum(shares) == len(flows) and min(shares) > 0, told


def lengths_are_counted(testpmd):
    """By a PF: ten broadcasts in at port 0 and out at port 1, and nothing was wrong; what port 0 tells."""
    testpmd.command("clear port xstats all")
    crosses(testpmd, [frame(100, n, ALL) for n in range(10)])
    here, there = testpmd.xstats(0), testpmd.xstats(1)
    assert here["rx_size_65_to_127_packets"] == here["rx_broadcast_packets"] == 10
    assert there["tx_size_65_to_127_packets"] == there["tx_broadcast_packets"] == 10
    assert here["rx_good_bytes"] == there["tx_good_bytes"] == 10 * 100
    assert not any(value for name, value in here.items() if re.search("error|drop|missed", name))
    return here


class Every:
    """What a PF's driver and a VF's do alike, by whatever path."""

    options = ("",)
    to = (OTHER, OTHER)         # frames that the ports receive
    lists_groups = "mcast_addr"
    receives_wide = "Vector rx enabled|Using Vector Scattered Rx"
    sends_wide = "Vector tx enabled"

    def both_ways(self, testpmd, sizes=(60, 61, 64, 65, 128, 256, 512, 1024, 1513, 1514)):
        for port in (0, 1):
            crosses(testpmd, [frame(size, n, self.to[port]) for n, size in enumerate(sizes)], port=port)
        assert testpmd.cables[0].frames.empty() and testpmd.cables[1].frames.empty()

    def test_ports_start(self, testpmd):
        for port, (own, speed) in enumerate(zip(self.own, self.speeds)):
            shown = testpmd.command("show port info %d" % port)
            assert re.search("^MAC address: %s$" % own, shown, re.M | re.I)
            assert "Link status: up" in shown and "Link speed: %d Gbps" % speed in shown
        words = " ".join(self.options)
        wide = SCALAR not in words
        log = testpmd.log()
        assert bool(re.search(self.receives_wide, log)) == wide
        assert bool(re.search(self.sends_wide, log)) == (wide and FULL not in words)

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
        testpmd.commands("%s add 0 %s" % (self.lists_groups, GROUP))
        crosses(testpmd, [group])
        testpmd.commands("%s remove 0 %s" % (self.lists_groups, GROUP))
        stays_out(testpmd, group)
        testpmd.commands("set allmulti 0 on")
        crosses(testpmd, [group])
        testpmd.commands("set allmulti 0 off\nset promisc all on")

    def test_stopped_and_started(self, testpmd):
        for _ in range(2):
            testpmd.again()
            self.both_ways(testpmd)

    def is_reset(self, testpmd, port):
        """As who uses it does after an event, or the driver left it to him."""
        testpmd.commands("stop\nport stop all\nport reset %s\nport start all" % port)
        testpmd.forward("io")
        self.both_ways(testpmd)


class Addresses(Every):
    """Port 0 hears its own, by whichever driver."""

    def test_addresses_come_and_go(self, testpmd):
        new, more, own = "02:00:00:00:00:55", "02:00:00:00:00:56", self.own[0]
        testpmd.command("set promisc 0 off")
        stays_out(testpmd, frame(100, 1, new))
        testpmd.commands("mac_addr add 0 " + more)
        crosses(testpmd, [frame(100, 1, own), frame(100, 2, more)])
        testpmd.commands("mac_addr remove 0 " + more)
        stays_out(testpmd, frame(100, 2, more))
        testpmd.commands("mac_addr set 0 " + new)
        stays_out(testpmd, frame(100, 1, own))
        crosses(testpmd, [frame(100, 1, new)])
        testpmd.commands("mac_addr set 0 %s\nset promisc 0 on" % own)


class Heard(Addresses):
    """Whom either port hears, and that it sees its cable."""

    def test_who_is_not_addressed_is_heard_when_promiscuous(self, testpmd):
        for port in (0, 1):
            testpmd.command("set promisc %d off" % port)
            stays_out(testpmd, frame(100, 1, OTHER), port=port)
            crosses(testpmd, [frame(100, 1, self.own[port])], port=port)
            testpmd.command("set promisc %d on" % port)
            crosses(testpmd, [frame(100, 1, OTHER)], port=port)

    def test_the_link_goes_and_comes(self, testpmd):
        for port in (0, 1):
            for up in (False, True):
                testpmd.servers[port].link(up)
                testpmd.event("Port %d: link state change event" % port)
                guest.wait_for(lambda: ("Link status: up" in testpmd.command("show port info %d" % port)) == up, "link")
        self.both_ways(testpmd)


class Queues(Every):
    """Of the 40 Gb/s chips' drivers."""

    def configure(self, testpmd, queues):
        testpmd.again("port config all rxq %d\nport config all txq %d" % (queues, queues))

    @pytest.mark.parametrize("queues", [4, 16])
    def test_queues_share_the_flows(self, testpmd, queues):
        self.configure(testpmd, queues)
        testpmd.command("port config all rss udp")
        spread(testpmd, queues, self.own[0])
        self.configure(testpmd, 1)


class Long(Every):
    """Frames of several buffers, and tags that the chip puts in."""

    most = 9702                 # MTU: 9728 with two tags and FCS
    tags = 8                    # bytes that come in above the MTU

    def test_long_frames(self, testpmd):
        for mtu in (9000, self.most):
            testpmd.again("port config mtu 0 %d\nport config mtu 1 %d" % (mtu, mtu))
            self.both_ways(testpmd, (60, 1515, 2048, 4096, 9014, mtu + 13, mtu + 14))
            if mtu < self.most:
                stays_out(testpmd, frame(mtu + 15 + self.tags, 0, self.to[0]))
        testpmd.again("port config mtu 0 1500\nport config mtu 1 1500")
        stays_out(testpmd, frame(1515 + self.tags, 0, self.to[0]))

    def test_tags_are_put_in(self, testpmd):
        testpmd.again("tx_vlan set 1 7", "macswap")
        plain = frame(100, 3, self.to[0])
        crosses(testpmd, [plain], [swapped(plain)[:12] + b"\x81\0\0\7" + plain[12:]])
        testpmd.again("tx_vlan reset 1")
