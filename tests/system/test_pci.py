"""PCI on QEMU's machines: what firmware set, what it left unset, every root bus."""
import re

import pytest

from qemu import Appliance

FRAME = bytes.fromhex("ffffffffffff" "020000000101" "88b5") + b"across the bus".ljust(46, b".")
ROOT_PORT = ["-device", "pcie-root-port,id=rp,chassis=1"]
MICROVM = "microvm,pcie=on,acpi=on,pit=on,pic=on,rtc=on"


def forwards(appliance):
    """A frame in at each of two ports comes out at the other."""
    for n in (0, 1):
        appliance.wires[n].send(FRAME)
        assert appliance.wires[1 - n].receive() == FRAME


def places(appliance):
    """BDF -> what `show pci` says of the function, indentation kept."""
    found = {}
    for line in appliance.command("show pci").splitlines():
        match = re.match(r"( *)([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (.*)$", line)
        if match:
            found[match.group(2)] = match.group(1) + match.group(3)
    return found


@pytest.mark.parametrize("nic", ["virtio", "virtio-modern", "e1000"])
def test_functions_that_firmware_left_unplaced_forward(nic):
    """microvm: neither CF8/CFC nor MCFG, bridges without numbers, BARs without places.

    Its root ports forward no I/O, which e1000 asks for and our driver does without.
    """
    devices = [nic, {"e1000": "e1000,bus=rp"}.get(nic, "virtio-net-pci,bus=rp")]
    with Appliance(nics=devices, machine=MICROVM, before=ROOT_PORT, config="forward io\n") as appliance:
        found = places(appliance)
        assert "buses 01-01" in found["0000:00:01.0"]
        assert found["0000:01:00.0"].startswith("  ")
        assert not any(re.search(r"(?<!I/O) unplaced", line) for line in found.values())
        forwards(appliance)


@pytest.mark.parametrize("machine, bridges, bus", [
    ("q35", ["-device", "pxb-pcie,id=p,bus_nr=128", "-device", "pcie-root-port,id=rp,bus=p,chassis=1"], "bus=rp"),
    ("pc", ["-device", "pxb,id=p,bus_nr=128"], "bus=p,addr=2"),
])
def test_a_second_root_bus_is_found(machine, bridges, bus):
    nics = ["virtio-net-pci,bus=%s.0" % ("pcie" if machine == "q35" else "pci"), "virtio-net-pci," + bus]
    with Appliance(nics=nics, machine=machine, before=bridges, config="forward io\n") as appliance:
        assert any(bdf.startswith("0000:81:") for bdf in places(appliance))
        forwards(appliance)


def test_bridges_nest():
    """A switch behind a root port, and a conventional bridge behind the switch."""
    before = ROOT_PORT + ["-device", "x3130-upstream,id=up,bus=rp",
                          "-device", "xio3130-downstream,id=down,bus=up,chassis=2",
                          "-device", "xio3130-downstream,id=other,bus=up,chassis=3",
                          "-device", "pcie-pci-bridge,id=old,bus=other"]
    with Appliance(nics=["virtio-net-pci,bus=down", "e1000,bus=old,addr=5"], before=before,
                   config="forward io\n") as appliance:
        ports = appliance.stats()["ports"]
        found = places(appliance)
        assert all(found[port["bdf"]].startswith(" " * 6) for port in ports)
        forwards(appliance)


def test_functions_are_decoded():
    with Appliance(nics=["virtio-net-pci,bus=rp"], before=ROOT_PORT) as appliance:
        text = appliance.command("show pci 01:00.0")
        for expected in ("1af4:1041 Ethernet controller", "driver     virtio", "INTx-off", "64-bit, prefetchable",
                         "virtio common (type 1), BAR 4+0", "PCI Express: endpoint", "link 2.5 GT/s x1"):
            assert expected in text
        text = appliance.command("show pci 00:01.0")
        for expected in ("secondary 01, subordinate 01", "root port", "hot-plug", "access control services"):
            assert expected in text
        assert "error: " in appliance.command("show pci 05:1f.7")
