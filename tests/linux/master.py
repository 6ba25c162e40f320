"""Our image with a PF of a model's makes VFs, and a Linux with its own driver has them: what is so with every chip.

A module of tests has `master` (a Master), imports `linux`, and has a class of Cases."""
import re

import pytest

import image
import modelled
from guest import shows, wait_for

VFS = 2
PF = "0000:01:00.0"
GIVEN, OTHER = "02:00:00:00:03:00", "02:00:00:00:03:99"
NEAR, FAR = "192.0.2.2", "198.51.100.2"
CONFIG = """\
port 0 address 192.0.2.1/24
interface add 0.100
interface 0.100 address 198.51.100.1/24
forward l3
vf %s count %d
vf %s 0 mac %s
""" % (PF, VFS, PF, GIVEN)


class Master(image.Image):
    """`cpus`: of the Linux that has the VFs."""

    def __init__(self, program, cpus):
        super().__init__(1, config=CONFIG, extra=modelled.stand_ins(VFS, program))
        self.wires = [image.Port(self.folder, 0, (), VFS, program)]
        self.model = self.wires[0]
        self.cpus = cpus

    def vf(self, words, number=0):
        self.must("vf %s %d %s" % (PF, number, words))

    def shows_vf(self, pattern, number=0):
        """Waits until what is told of the VF has this in it."""
        def question():
            told = re.split(r"^  vf \d", self.must("show vfs"), flags=re.M)[1 + number]
            return re.search(pattern, told)
        return wait_for(question, "VF %d: %s" % (number, pattern))

    def received(self):
        return self.stats()["ports"][0]["rx_packets"]


def begun(program, cpus=2):
    """For the fixture `master`."""
    with Master(program, cpus) as appliance:
        shows(appliance, link="up")
        yield appliance


@pytest.fixture(scope="module")
def linux(master):
    """VF 0 in its own network namespace, VF 1 in `far`."""
    with modelled.Linux([], served=master.model.served.vfs, cpus=master.cpus) as machine:
        machine.part(NEAR)
        machine.make_bulk()
        yield machine


def reach(linux, address="192.0.2.1", more="", **limit):
    linux.run("until ping -c 1 -W 1 %s %s; do :; done" % (more, address), **limit)


def no_carrier(linux, **limit):
    linux.until("%s link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.pf), **limit)


def strictly(served, late):
    """A fixture's body: the model sees nothing forbidden.  `late` is what it may say, of drivers that go on sending
    between their function's reset and having learned of it; None: nothing."""
    violations, lines = served.violations(), len(served.story().splitlines())
    yield
    news = served.story().splitlines()[lines:]
    allowed = [line for line in news if late and late.search(line)]
    assert news == allowed and served.violations() - violations == len(allowed), served.story()


class Cases:
    """One after the other: VF 1 stays in VLAN 100, with the address FAR."""

    def test_vf_to_vf_inside_the_chip(self, master, linux):
        linux.ip("-n far address add 192.0.2.3/24 dev " + linux.vf)
        reach(linux, "192.0.2.3")
        before = master.received()
        linux.bulk(True, "192.0.2.3")
        linux.bulk(False, NEAR)
        assert master.received() - before < 1000     # broadcasts and the like
        linux.ip("-n far address del 192.0.2.3/24 dev " + linux.vf)

    def test_bulk_tcp_through_our_router(self, master, linux):
        """VF 1 is in a VLAN, of which Linux knows nothing; the PF's port has an interface in it."""
        master.vf("vlan 100", 1)
        linux.until("%s -n far link show %s | grep -q 'state UP'" % (modelled.IP, linux.vf))
        linux.ip("-n far address add %s/24 dev %s" % (FAR, linux.vf))
        linux.ip("-n far route add 192.0.2.0/24 via 198.51.100.1")
        linux.ip("route add 198.51.100.0/24 via 192.0.2.1")
        reach(linux, FAR)
        linux.bulk(True, FAR)
        linux.bulk(False, NEAR)
        assert master.received() > 2 * modelled.BULK_MIB * (1 << 20) / 1514

    def test_an_address_of_ours_is_kept(self, master, linux):
        assert "RTNETLINK" in linux.ip("link set %s address %s" % (linux.pf, OTHER), check=False)
        master.shows_vf("refused +the administrator set its address")
        master.vf("trust on")
        linux.until("%s link set %s address %s" % (modelled.IP, linux.pf, OTHER))
        reach(linux)
        linux.ip("link set %s address %s" % (linux.pf, GIVEN))
        master.vf("trust off")
        reach(linux)

    def test_frames_of_a_vlan_are_tagged(self, master, linux):
        """Linux's own, of which we know by the filter that it asks for."""
        linux.ip("link add link %s name v5 type vlan id 5" % linux.pf)
        master.shows_vf("granted [^\n]* 1 vlans")
        linux.ip("link set v5 up")
        linux.ip("address add 203.0.113.1/24 dev v5")
        linux.run("ping -c 1 -W 1 203.0.113.2", check=False)
        master.model.expect(lambda frame: frame[12:18] == b"\x81\x00\x00\x05\x08\x06" and b"\xcb\x00\x71\x02" in frame)
        linux.ip("link del v5")
        reach(linux)

    def test_the_link_is_ours_to_give(self, master, linux):
        master.vf("link down")
        no_carrier(linux)
        master.vf("link auto")
        reach(linux)
        master.model.served.link(False)
        no_carrier(linux)
        master.model.served.link(True)
        reach(linux)
