"""DPDK's i40e driver on the models of the X710 and XL710: it works, and does not one thing that they call
forbidden.  The test is at the far end of both cables."""
import pytest

import guest
import pmd
from pmd_cases import FULL, SCALAR, Every, Heard, Long, Queues, lengths_are_counted, strict, testpmd

X710, XL710 = range(2)
OWN = ["02:07:10:90:00:01", "02:07:10:90:00:02"]


@pytest.fixture(scope="module")
def machine():
    if why := pmd.missing():
        pytest.skip(why)
    with pmd.Machine([("pf", ["-d", "-m", "1"]), ("pf", ["-d", "-c", "xl710", "-p", "1", "-m", "2"])],
                     "i40e_server") as machine:
        yield machine


class Pfs(Every):
    nics = (X710, XL710)
    own = OWN
    speeds = (10, 40)
    to = OWN                    # a tag and promiscuous mode are no pair that everybody agrees on
    lists_groups = "mac_addr"   # the driver has no list of groups
    receives_wide = "Using (AVX2 )?Vector (Scattered )?Rx"
    sends_wide = "Using (AVX2 )?Vector Tx"

    def test_a_port_is_reset(self, testpmd):
        self.is_reset(testpmd, 0)


class TestPfs(Queues, Heard, Pfs):
    def test_firmware_is_asked(self, testpmd):
        assert "FW 9.120 API 1.15 NVM 09.02.00 eetrack 8000b5a0" in testpmd.log()

    def test_lengths_and_groups_are_counted(self, testpmd):
        lengths_are_counted(testpmd)

    def test_the_core_is_reset_and_the_port_after_it(self, testpmd):
        """DPDK's driver does nothing about it: who uses it resets the port."""
        testpmd.servers[0].ask("reset core")
        guest.wait_for(lambda: testpmd.servers[0].ask("resets")[2] == "1", "the reset")
        self.is_reset(testpmd, 0)


class TestFullPfs(Long, Pfs):
    options = ("", FULL)


class TestScalarPfs(Long, Pfs):
    options = (SCALAR, FULL)
