"""The 82574L in QEMU: where it sits, and that it gets on with others."""
import re

import pytest

from addresses import ROUTER
from qemu import Appliance, check_law

ROOT_PORTS = ["-device", "pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1,chassis=2"]
PLACES = {
    "root-bus": dict(nics=["e1000e", "e1000e"]),
    "root-ports": dict(nics=["e1000e,bus=rp0", "e1000e,bus=rp1"], before=ROOT_PORTS),
    "conventional": dict(nics=["e1000e", "e1000e"], machine="pc"),
    "with-e1000": dict(nics=["e1000", "e1000e"]),
    "with-virtio": dict(nics=["e1000e", "virtio"]),
}


@pytest.mark.parametrize("mode", ["l2", "l3"])
@pytest.mark.parametrize("place", PLACES)
def test_forwards_wherever_it_sits(place, mode):
    config = {"l2": "forward l2\n", "l3": ROUTER}[mode]
    with Appliance(config=config, plugged=False, **PLACES[place]) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "3000",
                                           "--sizes", "60,64,65,590,1513,1514")
        assert status == 0, result
        check_law(appliance.stats())


def test_behind_an_iommu():
    """Its own domain, like everybody's: iommu=strict starts it."""
    unit = ["-device", "intel-iommu,intremap=on"]
    with Appliance(nics=["e1000e", "e1000e"], config="forward l2\n", append="iommu=strict", before=unit,
                   plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", "l2", "--frames", "3000", "--sizes", "60,1514")
        assert status == 0, result
        assert "fenced by the IOMMU" in appliance.must("show port 0")
        assert "faults" not in appliance.must("show log")


def test_address_is_the_nvms_and_nothing_was_waited_for_in_vain():
    with Appliance(nics=["e1000e", "e1000e"]) as appliance:
        assert [p["mac"] for p in appliance.stats()["ports"]] == ["02:00:00:00:00:01", "02:00:00:00:00:02"]
        assert not re.search(r"e1000e .*(expected|looking at)", appliance.must("show log"))
