"""Our image has the PF of the model of an X710 and makes VFs, and a Linux with its own iavf has those."""
import re

import pytest

from master import FAR, GIVEN, VFS, Cases, begun, linux, reach, strictly

LATE = re.compile("iavf model: transmit tail moved before the queue is on ")
RESETS = ("test_an_address_of_ours_is_kept", "test_frames_of_a_vlan_are_tagged", "test_the_link_is_ours_to_give")


@pytest.fixture(scope="module")
def master():
    yield from begun("i40e_server", cpus=4)


@pytest.fixture(autouse=True)
def strict(master, request):
    """In the place of conftest's: neither our driver nor Linux's does what is forbidden.  One thing is Linux's own: it
    goes on sending until it has learned that its VF was reset."""
    yield from strictly(master.model.served, LATE if request.node.name in RESETS else None)


def test_linux_takes_what_we_made(master, linux):
    log = linux.run("dmesg")
    assert len(re.findall(r"iavf 0000:0[12]:00.0: Multiqueue Enabled: Queue pair count = 4", log)) == VFS
    assert GIVEN in linux.ip("link show " + linux.pf)
    assert master.model.served.violations() == 0, master.model.served.story()
    reach(linux)


class TestVfs(Cases):
    def test_several_streams_use_several_queues(self, master, linux):
        linux.bulk(True, FAR, streams=4)
        sent = linux.statistics(linux.pf)
        assert sum(sent["tx-%d.packets" % queue] > 0 for queue in range(4)) > 1

    def test_a_rate_is_told_to_firmware(self, master, linux):
        master.vf("rate 1000")
        assert int(master.model.served.ask("vf 0")[3]) == 1000
        reach(linux)
        master.vf("rate 0")
        assert int(master.model.served.ask("vf 0")[3]) == 0
