"""Shared by the system tests: machines that several tests use one after another."""
import logging

import pytest

logging.getLogger("scapy").setLevel(logging.ERROR)

import addresses  # noqa: E402
import qemu  # noqa: E402


# The same rules hold behind an IOMMU, with no port that goes round it.
MACHINES = {"plain": ("virtio", {}),
            "fenced": ("virtio-net-pci,disable-legacy=on,iommu_platform=on",
                       {"before": ["-device", "intel-iommu"], "append": "iommu=strict"})}


@pytest.fixture(scope="module", params=MACHINES.values(), ids=MACHINES)
def bridge(request):
    """Three virtio ports in mode l2."""
    nic, machine = request.param
    with qemu.Appliance(nics=[nic] * 3, config="forward l2\n", **machine) as appliance:
        yield appliance
        qemu.check_law(appliance.stats())


@pytest.fixture(scope="module", params=MACHINES.values(), ids=MACHINES)
def router(request):
    """Two virtio ports in mode l3, as in `make run`."""
    nic, machine = request.param
    with qemu.Appliance(nics=[nic] * 2, config=addresses.ROUTER, **machine) as appliance:
        yield appliance
        qemu.check_law(appliance.stats())


@pytest.fixture
def quiet(request):
    """Nothing of an earlier test is still on the wires of the module's machine."""
    for name in ("bridge", "router"):
        if name in request.fixturenames:
            for wire in request.getfixturevalue(name).wires:
                wire.drain(0.05)
