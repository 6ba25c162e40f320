"""Every kind of port, in both modes, through both boot paths: it boots, forwards, counts."""
import re

import pytest

from addresses import ROUTER
from qemu import NICS, Appliance, check_law

CONFIG = {"l2": "forward l2\n", "l3": ROUTER}


@pytest.mark.parametrize("boot", ["pvh", "iso"])
@pytest.mark.parametrize("mode", ["l2", "l3"])
@pytest.mark.parametrize("nic", NICS)
def test_forwards(nic, mode, boot):
    with Appliance(nics=[nic] * 2, config=CONFIG[mode], boot=boot, plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "5000",
                                           "--sizes", "60,64,65,127,128,590,1024,1513,1514")
        assert status == 0, result
        stats = appliance.stats()
        check_law(stats)
        driver = nic.split("-")[0]
        assert [p["driver"] for p in stats["ports"]] == [driver, driver]
        assert all(p["rx_packets"] >= 5000 and p["tx_packets"] >= 5000 for p in stats["ports"])


@pytest.mark.parametrize("mode", ["io", "mac", "macswap"])
def test_other_modes_forward(mode):
    with Appliance(config="forward %s\n" % mode, plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "5000")
        assert status == 0, result


@pytest.mark.parametrize("first,second", [("virtio", "e1000"), ("virtio-legacy", "virtio-modern"), ("e1000e", "e1000")])
def test_kinds_mix(first, second):
    with Appliance(nics=[first, second], config=CONFIG["l3"], plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", "l3", "--frames", "5000")
        assert status == 0, result


MODERN = "disable-legacy=on,disable-modern=off,"


@pytest.mark.parametrize("features", ["mrg_rxbuf=off", "indirect_desc=off", "event_idx=off", "ctrl_vq=off",
                                      "mrg_rxbuf=off,indirect_desc=off,event_idx=off,ctrl_vq=off,any_layout=off",
                                      "status=off", "mq=on", "iommu_platform=off", "packed=on", "packed=on,event_idx=off",
                                      "packed=on,mrg_rxbuf=off,indirect_desc=off", "in_order=on",
                                      "packed=on,in_order=on", "packed=on,rx_queue_size=1024,host_mtu=9000",
                                      MODERN + "mq=on,rss=on,hash=on", MODERN + "packed=on,hash=on"])
def test_virtio_without_and_with(features):
    """virtio 1.2 2.2: what the device does not offer, the driver does without; what it offers that
    has one pair of queues, works with one."""
    with Appliance(nics=["virtio-net-pci," + features] * 2, config=CONFIG["l2"], plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", "l2", "--frames", "2000", "--sizes", "60,1514")
        assert status == 0, result
        check_law(appliance.stats())


@pytest.mark.parametrize("features", ["packed=on", "packed=on,in_order=on", "event_idx=off"])
def test_virtio_rings_behind_an_iommu(features):
    """Each kind of ring, its pages and nothing else mapped: no fault, and every frame."""
    nic = "virtio-net-pci,%siommu_platform=on,%s" % (MODERN, features)
    with Appliance(nics=[nic] * 2, config=CONFIG["l3"], plugged=False, append="iommu=strict",
                   before=["-device", "intel-iommu"]) as appliance:
        status, result = appliance.traffic("blast", "--mode", "l3", "--frames", "2000")
        assert status == 0, result
        assert "faults         0, 0 overflows" in appliance.command("show iommu")


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_machines(machine):
    with Appliance(machine=machine, config=CONFIG["l2"], plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--frames", "2000")
        assert status == 0, result


@pytest.mark.parametrize("ring", [256, 1024])
@pytest.mark.parametrize("count, memory", [(1, 128), (4, 16), (16, 128), (20, 64)])
def test_numbers_of_ports(count, memory, ring):
    """However little memory: full receive rings leave packets for what a flood copies, and are as long as
    the device's where there is room for all of them."""
    nic = "virtio-net-pci,rx_queue_size=%d" % ring
    with Appliance(nics=[nic] * count, memory=memory, config="forward l2\n") as appliance:
        port = appliance.must("show port 0")
        most, used = (int(re.search(text, port).group(1)) for text in (r"rx 1 queues of 8 to (\d+)", r"rx queue 0 +(\d+) desc"))
        assert most >= ring     # QEMU 10.0.13: 1024 in either case
        assert used == most if count == 1 else 256 <= used <= most
        frame = bytes.fromhex("ffffffffffff" "020000000a02" "88b5") + bytes(46)
        appliance.wires[0].send(frame)
        for wire in appliance.wires[1:]:
            assert wire.receive() == frame
        assert appliance.settled(1)["ports"][0]["tx_packets"] == 0      # not back where it came from


@pytest.mark.parametrize("options", ["acpi=on", "acpi=off", "acpi=on,pcie=on"])
@pytest.mark.parametrize("legacy", ["on", "off"])
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_microvm_forwards_over_mmio(mode, legacy, options):
    """virtio 1.2 4.2 and 4.2.4; slots named by ACPI, or on the command line behind the commands."""
    config = CONFIG[mode].strip().replace("\n", "; ")
    nics = ["virtio-net-device,bus=virtio-mmio-bus.%d" % n for n in range(2)]    # in address order
    with Appliance(nics=nics, machine="microvm," + options, append="-- " + config,
                   before=["-global", "virtio-mmio.force-legacy=" + legacy], plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "2000", "--sizes", "60,1514")
        assert status == 0, result
        ports = appliance.stats()["ports"]
        assert [port["bdf"] for port in ports] == [None, None]
        if "acpi=off" in options:       # nothing there can turn it off
            appliance.kill()


def test_microvm_mixes_pci_and_mmio():
    """contract.md: PCI in BDF order, then MMIO in address order."""
    with Appliance(nics=["virtio-net-device", "virtio-net-pci", "virtio-net-device"],
                   machine="microvm,acpi=on,pcie=on", config="forward l2\n") as appliance:
        ports = appliance.stats()["ports"]
        assert [port["bdf"] is None for port in ports] == [False, True, True]
        frame = bytes.fromhex("ffffffffffff" "020000000a02" "88b5") + bytes(46)
        appliance.wires[0].send(frame)
        for wire in appliance.wires[1:]:
            assert wire.receive() == frame
