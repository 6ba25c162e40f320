"""Our image has the PF of the model and makes VFs, and a Linux with its own ixgbevf has those."""
import re

import pytest

import modelled
from master import GIVEN, VFS, Cases, begun, linux, reach, strictly

RESETS = r"messages [^\n]* (\d+) resets"
PATIENCE = 600                  # seconds, on a machine that is busy
LATE = re.compile(r"VF \d: (tail past the ring|tail moved before the queue is on|queue touched while the PF resets) ")


@pytest.fixture(scope="module")
def master():
    yield from begun("ixgbe_server")


@pytest.fixture(autouse=True)
def strict(master, request):
    """In the place of conftest's: neither our driver nor Linux's does what its document forbids.  One thing is Linux's
    own: while its PF resets, and having read that it was, it goes on sending until its work queue resets the VF."""
    yield from strictly(master.model.served, LATE if request.function in PF_RESETS else None)


def test_linux_takes_what_we_made(master, linux):
    log = linux.run("dmesg")
    assert len(re.findall(r"ixgbevf 0000:0[12]:00.0: Intel\(R\) 82599 Virtual Function", log)) == VFS
    assert GIVEN in linux.ip("link show " + linux.pf)
    for number in range(VFS):
        master.shows_vf("mailbox +open", number)
    assert " 0% packet loss" in linux.run("ping -q -c 100 -i 0.01 -W 20 192.0.2.1")


class TestVfs(Cases):
    """What all do comes first."""


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


def test_groups_are_counted(master, linux):
    groups = int(master.shows_vf(r"granted [^\n]* (\d+) groups").group(1))
    linux.ip("maddr add 01:00:5e:01:02:03 dev " + linux.pf)
    master.shows_vf("granted [^\n]* %d groups" % (groups + 1))
    linux.ip("maddr del 01:00:5e:01:02:03 dev " + linux.pf)


def test_our_port_goes_down_and_comes_back(master, linux):
    """Of the carrier nothing is asked: with version 1.5 Linux goes by the chip's link, which is up (docs/limits.md)."""
    resets = int(master.shows_vf(RESETS).group(1))
    master.must("port 0 down")
    linux.run("! ping -c 3 -W 1 192.0.2.1")
    master.must("port 0 up")
    reach(linux, limit=PATIENCE)
    assert int(master.shows_vf(RESETS).group(1)) > resets


def test_long_frames_follow_the_pf(master, linux):
    """Linux waits a second for each answer, its CPUs spinning, and takes silence for a refusal: it has half a minute of
    that behind it when the image's machine gets no CPU for so long, and is asked again.  That it resets comes ten seconds
    after its last reset."""
    master.must("port 0 mtu 9000")
    linux.until("%s link set %s mtu 9000" % (modelled.IP, linux.pf), PATIENCE)
    reach(linux, more="-s 8900", limit=PATIENCE)
    linux.ip("link set %s mtu 1500" % linux.pf)
    master.must("port 0 mtu 1500")
    reach(linux, limit=PATIENCE)


PF_RESETS = (test_our_port_goes_down_and_comes_back, test_long_frames_follow_the_pf)
