"""Shared by the system tests: machines that several tests use one after another."""
import logging

import pytest

logging.getLogger("scapy").setLevel(logging.ERROR)

import addresses  # noqa: E402
import qemu  # noqa: E402


@pytest.fixture(scope="module")
def bridge():
    """Three virtio ports in mode l2."""
    with qemu.Appliance(nics=["virtio"] * 3, config="forward l2\n") as appliance:
        yield appliance


@pytest.fixture(scope="module")
def router():
    """Two virtio ports in mode l3, as in `make run`."""
    with qemu.Appliance(config=addresses.ROUTER) as appliance:
        yield appliance


@pytest.fixture
def quiet(request):
    """Nothing of an earlier test is still on the wires of the module's machine."""
    for name in ("bridge", "router"):
        if name in request.fixturenames:
            for wire in request.getfixturevalue(name).wires:
                wire.drain(0.05)
