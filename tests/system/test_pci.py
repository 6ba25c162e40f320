"""PCI on QEMU's machines: what firmware set, what it left unset, every root bus."""
import re
import time

import pytest

from debugger import Debugger
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


@pytest.mark.parametrize("nic", ["virtio", "virtio-modern", "e1000", "e1000e", "vmxnet3"])
def test_functions_that_firmware_left_unplaced_forward(nic):
    """microvm: neither CF8/CFC nor MCFG, bridges without numbers, BARs without places.

    Its root ports forward no I/O, which e1000 asks for and our driver does without.
    """
    devices = [nic, ("virtio-net-pci" if nic.startswith("virtio") else nic) + ",bus=rp"]
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


# Virtual functions

QUIET = {"append": "loglevel=error", "wait_links": False}


def vfs_of(found, pf):
    """The BDFs of the functions that `show pci` lists as VFs below this PF."""
    depth = len(found[pf]) - len(found[pf].lstrip())
    vfs = []
    for bdf in list(found)[list(found).index(pf) + 1:]:
        if not re.match(r" {%d}8086:10ca Ethernet controller, VF %d," % (depth + 2, len(vfs)), found[bdf]):
            break
        vfs.append(bdf)
    return vfs


def assert_vfs(appliance, pf, bdfs):
    """They are there, in this order, in memory of their own, and answer (their port has a MAC)."""
    found = places(appliance)
    assert vfs_of(found, pf) == bdfs
    assert not any("unplaced" in found[bdf] for bdf in bdfs)
    bars = [int(base, 16) for bdf in bdfs for base in re.findall(r"([0-9a-f]{8,}) 16 KiB", found[bdf])]
    assert len(set(bars)) == 2 * len(bdfs)
    ports = {port["bdf"]: port for port in appliance.stats()["ports"]}
    assert all(ports[bdf]["driver"] == "igbvf" for bdf in bdfs)


def refused_by_a_fixed_slot(appliance, port):
    """QEMU 10 makes VFs together with their PF.  8.2 plugs them in when VF Enable is set, and a port without
    hot-plug takes nothing then: the registers say that VFs are there, and they are not."""
    return ",hotplug=off" in port and "igbvf" not in appliance.human_monitor("info qtree")


def assert_vfs_do_not_come(appliance, pf):
    """It is told, the VFs are off again, and the PF is as it was."""
    assert "error: %s makes no VFs: VF 0 does not answer: vendor ID ffff" % pf in appliance.command("vf %s count 7" % pf)
    assert "Unsupported bus. Bus doesn't have property 'acpi-pcihp-bsel' set" in appliance.qemu_log()
    assert not vfs_of(places(appliance), "0000:" + pf)
    assert "VFs        0 in force, 8 of 8 have a place\n" in appliance.command("show pci " + pf)
    assert [(port["driver"], port["state"]) for port in appliance.stats()["ports"]] == [("igb", "up")]


@pytest.mark.parametrize("machine, port", [
    ("q35", "pcie-root-port,id=rp,chassis=1"),
    ("q35", "pcie-root-port,id=rp,chassis=1,hotplug=off"),
    (MICROVM, "pcie-root-port,id=rp,chassis=1"),
])
def test_vfs_have_places_and_come_and_go(machine, port):
    """SeaBIOS places no VF BARs; microvm's firmware places nothing at all.  PCIe 9.2.1.2."""
    with Appliance(nics=["igb,bus=rp"], machine=machine, before=["-device", port], **QUIET) as appliance:
        if refused_by_a_fixed_slot(appliance, port):
            assert_vfs_do_not_come(appliance, "01:00.0")
            return
        appliance.must("vf 01:00.0 count 7")
        assert_vfs(appliance, "0000:01:00.0", ["0000:01:%02x.%d" % (0x10 + k // 4, k % 4 * 2) for k in range(7)])
        assert "VF         6 of 0000:01:00.0" in appliance.command("show pci 01:11.4")
        assert "VFs        7 in force, 8 of 8 have a place\n" in appliance.command("show pci 01:00.0")
        appliance.must("vf 01:00.0 count 0")
        assert not vfs_of(places(appliance), "0000:01:00.0")
        appliance.must("vf 01:00.0 count 2")
        assert_vfs(appliance, "0000:01:00.0", ["0000:01:10.0", "0000:01:10.2"])


def test_vfs_of_two_functions_interleave():
    """VF 0, 2, ... of the device belong to function 0, VF 1, 3, ... to function 1 (the DPDK guide's picture)."""
    nics = ["igb,bus=rp,addr=0.0,multifunction=on", "igb,bus=rp,addr=0.1"]
    with Appliance(nics=nics, before=ROOT_PORT, **QUIET) as appliance:
        for function in (1, 0):
            appliance.must("vf 01:00.%d count 3" % function)
        for function in (0, 1):
            assert_vfs(appliance, "0000:01:00.%d" % function,
                       ["0000:01:10.%d" % (2 * k + function) for k in range(3)])


def test_vfs_below_a_switch_without_access_control_are_asked_for_by_name():
    before = ROOT_PORT + ["-device", "x3130-upstream,id=up,bus=rp",
                          "-device", "xio3130-downstream,id=down,bus=up,chassis=2"]
    with Appliance(nics=["igb,bus=down"], before=before, **QUIET) as appliance:
        answer = appliance.command("vf 03:00.0 count 2")
        assert answer.startswith("error: ") and "0000:02:00.0 on the way has no access control (ACS)" in answer
        assert not vfs_of(places(appliance), "0000:03:00.0")
        appliance.must("vf 03:00.0 count 2 unisolated")
        assert_vfs(appliance, "0000:03:00.0", ["0000:03:10.0", "0000:03:10.2"])


def shared_memory(n, bus):
    """A prefetchable BAR of 2 MiB, which fills a window of SeaBIOS."""
    return ["-object", "memory-backend-ram,id=m%d,size=2M" % n,
            "-device", "ivshmem-plain,memdev=m%d,bus=%s" % (n, bus)]


def narrow_port(n):
    return ["-device", "pcie-root-port,id=rp%d,chassis=%d,addr=%d" % (n, n + 1, n + 3)]


def crowd(n):
    """Around an igb as function 0 behind rp<n>: both windows of the port are full, but for 112 KiB."""
    devices = shared_memory(n, "rp%d,addr=0.1" % n) + ["-device", "edu,bus=rp%d,addr=0.2" % n]
    for function in range(3, 8):
        devices += ["-device", "e1000,romfile=,bus=rp%d,addr=0.%d" % (n, function)]
    return devices


def test_window_is_widened_for_vfs():
    """Into the neighborhood, which is free; nothing in it moves."""
    with Appliance(nics=["igb,romfile=,bus=rp0,addr=0.0,multifunction=on"], before=narrow_port(0) + crowd(0),
                   **QUIET) as appliance:
        first, last = [int(n, 16) for n in re.search(r"window     prefetchable (\w+)-(\w+)",
                                                     appliance.command("show pci 00:03.0")).groups()]
        memory = int(re.search(r"([0-9a-f]{8}) 2 MiB", places(appliance)["0000:01:00.1"]).group(1), 16)
        assert last + 1 - first > 2 << 20 and first <= memory <= last
        appliance.must("vf 01:00.0 count 7")
        assert_vfs(appliance, "0000:01:00.0", ["0000:01:%02x.%d" % (0x10 + k // 4, k % 4 * 2) for k in range(7)])


def test_window_that_is_short_is_named_and_as_many_as_fit_are_had():
    """Hemmed in by two other ports, with 112 KiB left: three VFs of 32 KiB."""
    before = narrow_port(0) + narrow_port(1) + narrow_port(2) + shared_memory(0, "rp0") + crowd(1)
    with Appliance(nics=["igb,romfile=,bus=rp1,addr=0.0,multifunction=on"],
                   before=before + shared_memory(2, "rp2"), **QUIET) as appliance:
        answer = appliance.command("vf 02:00.0 count 4")
        assert "only 3 VFs have a place: the prefetchable window of 0000:00:04.0 is short" in answer
        appliance.must("vf 02:00.0 count 3")
        assert_vfs(appliance, "0000:02:00.0", ["0000:02:10.0", "0000:02:10.2", "0000:02:10.4"])


# Errors

def inject(appliance, *errors):
    """QEMU pretends that these errors happened."""
    for error in errors:
        appliance.human_monitor("pcie_aer_inject_error " + error)


def test_errors_are_decoded_counted_and_cleared():
    """PCIe 7.8.4: nothing stops for them, traffic least of all."""
    with Appliance(nics=["igb,bus=rp,id=pf", "virtio"], config="forward io\n",
                   before=ROOT_PORT) as appliance:
        inject(appliance, "pf MALF_TLP 0x1 0x2 0x3 0x4")
        appliance.read_until(r"pci 0000:01:00.0: fatal error: malformed, header [0-9a-f ]{35}, 1 since")
        inject(appliance, "pf BAD_TLP", "pf UNSUP")
        appliance.type("\n")
        appliance.read_until(r"millrace> \Z")
        end = time.monotonic() + 10
        while "so far 1 fatal, 1 non-fatal, 1 corrected: malformed 1, unsupported 1, bad-TLP 1" not in (
                text := appliance.command("show pci 01:00.0")):
            assert time.monotonic() < end, text
        assert "uncorrectable none, correctable none" in text
        forwards(appliance)


def test_a_bar_that_names_our_own_memory_is_refused(tmp_path):
    """What a BAR reads is the device's word: the registers it would name are our code, which nobody fences."""
    debugger = Debugger(tmp_path)
    with Appliance(nics=["virtio-modern"], extra=debugger.options, wait_ready=False) as machine:
        debugger.connect(machine)
        at = debugger.run_to("kernel_main")
        bar = 0x20 | 1 << 11 | 1 << 31                  # BAR 4 of 00:01.0, through CF8
        for command in ("o/w 0xcf8 %#x" % bar, "o/w 0xcfc 0x10000c", "o/w 0xcf8 %#x" % (bar + 4), "o/w 0xcfc 0"):
            machine.human_monitor(command)
        code = debugger.ask("m100000,1000")
        assert at >> 20 == 1 and code.strip("0")
        debugger.run()
        machine.ready()
        assert "memory: 100000 to 103fff is ours: not taken for a device's registers\n" in machine.transcript
        assert "pci 0000:00:01.0: BAR 4 at 100000 cannot be mapped\n" in machine.transcript
        debugger.pause()
        after = debugger.ask("m100000,1000")
        debugger.run()
        assert after == code
