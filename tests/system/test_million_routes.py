"""A million routes: what touches them all stops no traffic.

All of it in 96 MiB, with room for 64 k stations; the configuration, which QEMU puts into the machine's memory, comes on top.

A stream far below capacity goes between ports 0 and 1, and half of the routes lead to each of ports 1 and
2.  QEMU keeps a frame back for which a receive ring has no room, and never are as many frames under way as
a transmit ring has room for, however long generator or QEMU were kept waiting: what is lost here was lost
by us.  How much one piece of work does at most is counted in tests/unit.
"""
import re

import pytest

from qemu import BOOT_LIMIT, Appliance, check_law, where_frames_went

MILLION = 1000000
MEMORY_MIB = 96
STATIONS = 65536
ADDRESSES = """\
port 0 address 192.0.2.1/24
port 1 address 198.51.100.1/24
port 2 address 203.0.113.1/24
"""
GATEWAYS = ("198.51.100.3", "203.0.113.3")
RATE = ("--mode", "l3", "--rate", "2000", "--window", "128")


def routes():
    """Of 16.0.0.0 and what follows, /24 by /24, by turns over the gateways."""
    return "".join("route add %d.%d.%d.0/24 via %s\n" % (16 + (i >> 16), i >> 8 & 255, i & 255, GATEWAYS[i & 1])
                   for i in range(MILLION))


def inactive(appliance):
    """How many routes are out of use."""
    return int(re.search(r"static +%d, (\d+) inactive$" % MILLION, appliance.must("show routes summary"), re.M).group(1))


def received(appliance):
    return [port["rx_packets"] for port in appliance.stats()["ports"][:2]]


def wait_for_inactive(appliance, count, meanwhile=None):
    """Until so many routes are out of use; how many looks found another number, each followed by `meanwhile` or a rest."""
    for parts in range(BOOT_LIMIT * 10):
        if inactive(appliance) == count:
            return parts
        meanwhile() if meanwhile else appliance.let_pass(100000)
    raise AssertionError("not %d: %s" % (count, appliance.transcript[-2000:]))


@pytest.fixture(scope="module")
def router():
    config = "fdb size %d\n" % STATIONS + ADDRESSES + routes() + "forward l3\n"
    with Appliance(nics=["virtio"] * 3, config=config, memory=MEMORY_MIB + -(-len(config) // (1 << 20)),
                   plugged=False, wait_ready=False) as appliance:
        appliance.ready(5 * BOOT_LIMIT)     # a million commands
        wait_for_inactive(appliance, 0)
        yield appliance


def test_all_of_it_fits(router):
    """Routes of another length than all others still find memory, and stations their room."""
    assert " of at most %d," % STATIONS in router.must("show fdb")
    router.must("route add 16.0.0.0/25 via %s" % GATEWAYS[0])
    router.must("route delete 16.0.0.0/25")


class streaming:
    """with streaming(router): the stream passes before and after, and loses nothing."""

    def __init__(self, appliance):
        self.appliance = appliance

    def passes(self):
        """Until a hundred more frames have come in by either port."""
        before = received(self.appliance)
        for _ in range(BOOT_LIMIT * 10):
            if all(now >= was + 100 for now, was in zip(received(self.appliance), before)):
                return
            self.appliance.let_pass(10000)
        raise AssertionError("no traffic")

    def __enter__(self):
        self.stream = self.appliance.stream(*RATE)
        self.result = self.stream.__enter__()
        self.passes()
        return self

    def becomes(self, count):
        """The routes are taken out of use or back piece by piece: after the command that is not over, and frames pass."""
        assert wait_for_inactive(self.appliance, count, self.passes)

    def __exit__(self, kind, *rest):
        if kind is None:
            self.passes()
        self.stream.__exit__(kind, *rest)
        if kind is not None:
            return
        stats = self.appliance.settled(0)
        assert self.result["status"] == 0, (self.result, where_frames_went(stats))
        for way in ("a_to_b", "b_to_a"):
            figures = self.result["figures"][way]
            assert figures["received"] == figures["sent"] >= 200, self.result
        assert not any(port[what] for port in stats["ports"] for what in
                       ("rx_dropped", "tx_dropped", "rx_missed", "rx_errors", "tx_errors")), where_frames_went(stats)
        check_law(stats)


def test_an_address_that_goes_and_comes_back(router):
    with streaming(router) as stream:
        router.must("port 2 no address 203.0.113.1/24")
        stream.becomes(MILLION // 2)
        router.must("port 2 address 203.0.113.1/24")
        stream.becomes(0)


def test_a_port_that_goes_down_and_comes_back(router):
    with streaming(router) as stream:
        router.must("port 2 down")
        stream.becomes(MILLION // 2)
        router.must("port 2 up")
        stream.becomes(0)


def test_all_routes_are_shown(router):
    """As many as the line takes while some thousand frames pass, then Ctrl-C."""
    with streaming(router):
        router.type("show routes\n")
        router.read_until(r"16\.4\.0\.0/24 ")
        router.type(b"\x03")
        router.read_until(r"millrace> \Z")
