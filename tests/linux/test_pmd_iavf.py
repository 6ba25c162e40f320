"""DPDK's iavf driver on the models of adaptive VFs: behind a PF that serves them as Linux's i40e does, and behind one
that does as ice.  It works, and not one access or message is forbidden.  The test is at the far end of both cables."""
import pytest

import pmd
from pmd_cases import FULL, SCALAR, Every, Heard, Long, Queues, crosses, frame, stays_out, strict, testpmd

I40E, ICE = range(2)
OWN = ["02:82:59:90:00:01", "02:82:59:90:00:02"]
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
            self.is_reset(testpmd, port)
            assert seen(testpmd, port, GET_VF_RESOURCES) > before

    def test_a_port_is_reset(self, testpmd):
        self.is_reset(testpmd, "all")


class TestVfs(Queues, Heard, Vfs):
    options = (LOG,)

    def configure(self, testpmd, queues):
        """With more queues than it was given a VF asks for more, and is reset for that."""
        before = seen(testpmd, 0, REQUEST_QUEUES)
        super().configure(testpmd, queues)
        assert seen(testpmd, 0, REQUEST_QUEUES) == before + (queues > 4)

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

class TestFullVfs(Long, Vfs):
    options = (LOG, FULL)


class TestScalarVfs(Long, Vfs):
    options = (LOG + SCALAR, FULL)
