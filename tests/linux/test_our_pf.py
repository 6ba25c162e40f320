"""Our image has the PF of the model and makes VFs, and a Linux with its own ixgbevf has those."""
import re

import pytest

import image
import modelled
from guest import shows, wait_for

VFS = 2
PATIENCE = 600                  # seconds, on a machine that is busy
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
    def __init__(self):
        super().__init__(1, config=CONFIG, extra=modelled.stand_ins(VFS))
        self.wires = [image.Port(self.folder, 0, (), VFS)]
        self.model = self.wires[0]

    def vf(self, words, number=0):
        self.must("vf %s %d %s" % (PF, number, words))

    def shows_vf(self, pattern, number=0):
        """Waits until what is told of the VF has this in it."""
        def question():
            told = re.split(r"^  vf \d", self.must("show vfs"), flags=re.M)[1 + number]
            return re.search(pattern, told)
        return wait_for(question, "VF %d: %s" % (number, pattern))


@pytest.fixture(scope="module")
def master():
    with Master() as appliance:
        shows(appliance, link="up")
        yield appliance


@pytest.fixture(scope="module")
def linux(master):
    """VF 0 in its own network namespace, VF 1 in `far`."""
    with modelled.Linux([], served=master.model.served.vfs) as machine:
        machine.run("mkdir -p /var/run")
        machine.pf, machine.vf = machine.netdev(modelled.bdf(0)), machine.netdev(modelled.bdf(1))
        machine.ip("netns add far")
        machine.ip("link set %s netns far" % machine.vf)
        machine.ip("address add %s/24 dev %s" % (NEAR, machine.pf))
        machine.ip("link set %s up" % machine.pf)
        machine.ip("-n far link set %s up" % machine.vf)
        machine.both_up()
        machine.make_bulk()
        yield machine


LATE = re.compile(r"VF \d: (tail past the ring|tail moved before the queue is on|queue touched while the PF resets) ")


@pytest.fixture(autouse=True)
def strict(master, request):
    """In the place of conftest's: neither our driver nor Linux's does what its document forbids.  One thing is Linux's
    own: while its PF resets, and having read that it was, it goes on sending until its work queue resets the VF."""
    served = master.model.served
    violations, lines = served.violations(), len(served.story().splitlines())
    yield
    news = served.story().splitlines()[lines:]
    late = [line for line in news if LATE.search(line)] if request.function in PF_RESETS else []
    assert news == late and served.violations() - violations == len(late), served.story()


def test_linux_takes_what_we_made(master, linux):
    log = linux.run("dmesg")
    assert len(re.findall(r"ixgbevf 0000:0[12]:00.0: Intel\(R\) 82599 Virtual Function", log)) == VFS
    assert GIVEN in linux.ip("link show " + linux.pf)
    for number in range(VFS):
        master.shows_vf("mailbox +open", number)
    assert " 0% packet loss" in linux.run("ping -q -c 100 -i 0.01 -W 20 192.0.2.1")


def test_vf_to_vf_inside_the_chip(master, linux):
    linux.ip("-n far address add 192.0.2.3/24 dev " + linux.vf)
    linux.run("until ping -c 1 -W 1 192.0.2.3; do :; done")
    before = master.stats()["ports"][0]["rx_packets"]
    linux.bulk(True, "192.0.2.3")
    linux.bulk(False, NEAR)
    assert master.stats()["ports"][0]["rx_packets"] - before < 1000     # broadcasts and the like
    linux.ip("-n far address del 192.0.2.3/24 dev " + linux.vf)


def test_bulk_tcp_through_our_router(master, linux):
    """VF 1 is in a VLAN, of which Linux knows nothing; the PF's port has an interface in it."""
    master.vf("vlan 100", 1)
    linux.ip("-n far address add %s/24 dev %s" % (FAR, linux.vf))
    linux.ip("-n far route add 192.0.2.0/24 via 198.51.100.1")
    linux.ip("route add 198.51.100.0/24 via 192.0.2.1")
    linux.run("until ping -c 1 -W 1 %s; do :; done" % FAR)
    linux.bulk(True, FAR)
    linux.bulk(False, NEAR)
    assert master.stats()["ports"][0]["rx_packets"] > 2 * modelled.BULK_MIB * (1 << 20) / 1514


def test_an_address_of_ours_is_kept(master, linux):
    assert "RTNETLINK" in linux.ip("link set %s address %s" % (linux.pf, OTHER), check=False)
    master.shows_vf("refused +the administrator set its address")
    master.vf("trust on")
    linux.until("%s link set %s address %s" % (modelled.IP, linux.pf, OTHER))
    linux.run("until ping -c 1 -W 1 192.0.2.1; do :; done")
    linux.ip("link set %s address %s" % (linux.pf, GIVEN))


def test_promiscuous_takes_trust(master, linux):
    master.vf("trust off")
    linux.ip("link set %s promisc on" % linux.pf)
    master.shows_vf("refused +only a trusted VF may hear all groups or be promiscuous")
    linux.ip("link set %s promisc off" % linux.pf)
    master.vf("trust on")
    linux.ip("link set %s promisc on" % linux.pf)
    master.shows_vf("granted [^\n]*promiscuous")
    linux.ip("link set %s promisc off" % linux.pf)
    master.vf("trust off")


def test_groups_and_vlans_are_counted(master, linux):
    groups = int(master.shows_vf(r"granted [^\n]* (\d+) groups").group(1))
    linux.ip("maddr add 01:00:5e:01:02:03 dev " + linux.pf)
    master.shows_vf("granted [^\n]* %d groups" % (groups + 1))
    linux.ip("maddr del 01:00:5e:01:02:03 dev " + linux.pf)
    linux.ip("link add link %s name v5 type vlan id 5" % linux.pf)
    master.shows_vf("granted [^\n]* 1 vlans")
    linux.ip("link set v5 up")
    linux.ip("address add 203.0.113.1/24 dev v5")
    linux.run("ping -c 1 -W 1 203.0.113.2", check=False)
    master.model.expect(lambda frame: frame[12:18] == b"\x81\x00\x00\x05\x08\x06" and b"\xcb\x00\x71\x02" in frame)
    linux.ip("link del v5")


def test_the_link_is_ours_to_give(master, linux):
    master.vf("link down")
    linux.until("%s link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.pf))
    master.vf("link auto")
    linux.run("until ping -c 1 -W 1 192.0.2.1; do :; done")
    master.model.served.link(False)
    linux.until("%s link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.pf))
    master.model.served.link(True)
    linux.run("until ping -c 1 -W 1 192.0.2.1; do :; done")


def test_our_port_goes_down_and_comes_back(master, linux):
    master.must("port 0 down")
    linux.until("%s link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.pf), PATIENCE)
    master.must("port 0 up")
    linux.run("until ping -c 1 -W 1 192.0.2.1; do :; done", PATIENCE)


def test_long_frames_follow_the_pf(master, linux):
    """Linux waits a second for each answer, its CPUs spinning, and takes silence for a refusal: it has half a minute of
    that behind it when the image's machine gets no CPU for so long, and is asked again."""
    master.must("port 0 mtu 9000")
    linux.until("%s link set %s mtu 9000" % (modelled.IP, linux.pf), PATIENCE)
    linux.run("until ping -c 1 -W 1 -s 8900 192.0.2.1; do :; done", PATIENCE)
    linux.ip("link set %s mtu 1500" % linux.pf)
    master.must("port 0 mtu 1500")
    linux.run("until ping -c 1 -W 1 192.0.2.1; do :; done", PATIENCE)


PF_RESETS = (test_our_port_goes_down_and_comes_back, test_long_frames_follow_the_pf)
