"""The fence: every kind of unit QEMU has, and a device that reaches for what is not its own."""
import re

import pytest

from addresses import ROUTER
from qemu import ATTACK, Appliance, check_law

CONFIG = {"l2": "forward l2\n", "l3": ROUTER}
VIRTIO = "virtio-net-pci,disable-legacy=on,iommu_platform=on"
NIC = {"virtio": [VIRTIO] * 2, "e1000": ["e1000"] * 2, "vmxnet3": ["vmxnet3"] * 2,
       "virtio-ats": [VIRTIO + ",ats=on,bus=rp%d" % n for n in range(2)]}     # extended space: not on a root bus
UNITS = {
    "default": "",
    "aw39": "aw-bits=39",
    "aw48": "aw-bits=48",
    "caching": "caching-mode=on",
    "device-tlb": "device-iotlb=on",
    "caching-device-tlb": "caching-mode=on,device-iotlb=on",
    "remapping": "intremap=on",
    "no-remapping": "intremap=off",
    "eim": "intremap=on,eim=on",
    "snoop": "snoop-control=on",
    "scalable": "x-scalable-mode=on",
    "first-stage": "x-scalable-mode=on,x-flts=on",
    "first-stage-2m": "x-scalable-mode=on,x-flts=on,fs1gp=off",
    "first-stage-device-tlb": "x-scalable-mode=on,x-flts=on,device-iotlb=on",
}


ROOT_PORTS = [word for n in range(2) for word in ("-device", "pcie-root-port,id=rp%d,chassis=%d" % (n, n + 1))]
ATS_PORTS = ["01:00.0", "02:00.0"]


def unit(options=""):
    """Given before every other device: QEMU asks for that."""
    return ["-device", "intel-iommu" + ("," + options if options else "")] + ROOT_PORTS


def fences(appliance):
    """Per port of `show iommu`: fenced, unfenced or failed; and KiB open."""
    rows = re.findall(r"^(\d+) +(\S+) +(\w+) +(\S+) +(\S+) ", appliance.must("show iommu"), re.M)
    return [(row[2], row[4]) for row in rows]


# Forwarding, behind every unit ---------------------------------------------------------


@pytest.mark.parametrize("mode", ["l2", "l3"])
@pytest.mark.parametrize("nic", NIC)
@pytest.mark.parametrize("options", UNITS.values(), ids=UNITS)
def test_forwards(options, nic, mode):
    with Appliance(nics=NIC[nic], config=CONFIG[mode], before=unit(options), append="iommu=strict",
                   plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "3000",
                                           "--sizes", "60,64,65,590,1514")
        assert status == 0, result
        check_law(appliance.stats())
        assert [f for f, _ in fences(appliance)] == ["fenced", "fenced"]
        assert "fault" not in appliance.must("show log").replace("faults", "")


@pytest.mark.parametrize("options", ["device-iotlb=on", "caching-mode=on,device-iotlb=on",
                                     "x-scalable-mode=on,device-iotlb=on"])
def test_trusted_ports_keep_translations(options):
    """ATS: only what `ats=` names, where the unit knows device TLBs; and it forgets what is given back."""
    with Appliance(nics=NIC["virtio-ats"], config=CONFIG["l2"], before=unit(options),
                   append="iommu=strict ats=" + ATS_PORTS[0], plugged=False) as appliance:
        assert [f for f, _ in fences(appliance)] == ["trusted", "fenced"]
        shown = [re.search(r"address translation services: (\w+)", appliance.must("show pci " + bdf)).group(1)
                 for bdf in ATS_PORTS]
        assert shown == ["on", "off"]
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result
        appliance.must("port 0 down")
        assert fences(appliance)[0] == ("trusted", "0")
        appliance.must("port 0 up")
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result


def test_trust_is_nothing_without_device_tlbs():
    with Appliance(nics=NIC["virtio-ats"], before=unit("device-iotlb=off"), append="ats=all") as appliance:
        assert [f for f, _ in fences(appliance)] == ["fenced", "fenced"]


def test_unit_that_translates_nothing_is_not_in_force():
    with Appliance(config=CONFIG["l2"], before=unit("dma-translation=off"), plugged=False) as appliance:
        assert "iommu: none in force" in appliance.transcript
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result


def test_stopped_port_reaches_nothing():
    """Rings and pool are gone from the domain once the port is down, and back when it is up."""
    with Appliance(nics=["e1000", VIRTIO], config=CONFIG["l2"], before=unit()) as appliance:
        up = fences(appliance)
        assert all(int(kib) > 4096 for _, kib in up)
        appliance.must("port 0 down")
        appliance.must("port 1 down")
        assert fences(appliance) == [("fenced", "0"), ("fenced", "0")]
        appliance.must("port 0 up")
        appliance.must("port 1 up")
        assert fences(appliance) == up


@pytest.mark.parametrize("options", ["", "x-scalable-mode=on", "x-scalable-mode=on,x-flts=on"])
def test_pool_is_mapped_in_large_pages(options):
    """32 MiB of packets in pages of 4 KiB would take a table for each 2 MiB."""
    with Appliance(nics=["e1000"], memory=512, before=unit(options)) as appliance:
        kib, tables = re.search(r"^0 +\S+ +fenced +\d+ +(\d+) +(\d+) ", appliance.must("show iommu"), re.M).groups()
        assert int(kib) >= 32 * 1024
        assert int(tables) <= 8


def test_root_ports_with_acs_keep_functions_apart():
    """PCIe 6.12.1.1; the PCIe-to-PCI bridge below, which cannot, is in another test."""
    with Appliance(nics=NIC["virtio-ats"], before=unit()) as appliance:
        groups = re.findall(r"^\d .* (\S+:\S+) +\d+$", appliance.must("show iommu"), re.M)
        assert groups == ["0000:" + bdf for bdf in ATS_PORTS]


# Options ---------------------------------------------------------------------------------


def test_without_a_unit_it_says_so_and_goes_on():
    with Appliance(config=CONFIG["l2"], plugged=False) as appliance:
        assert "iommu: none in force, devices reach all memory\n" in appliance.transcript
        assert "no IOMMU is in force" in appliance.must("show iommu")
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result


def test_strict_without_a_unit_starts_no_port():
    with Appliance(nics=["virtio", "e1000"], append="iommu=strict") as appliance:
        for port, driver in ((0, "virtio"), (1, "e1000")):
            line = "port %d (%s): not started: no IOMMU fences it" % (port, driver)
            assert line in appliance.transcript
            assert "error: port %d" % port in appliance.command("port %d up" % port)


def test_strict_starts_only_what_is_fenced():
    with Appliance(nics=["virtio", VIRTIO, "virtio-legacy", "e1000"], append="iommu=strict",
                   before=unit()) as appliance:
        down = [port for port in range(4) if "port %d (virtio): not started" % port in appliance.transcript]
        assert down == [0, 2]
        assert [f for f, _ in fences(appliance)] == ["unfenced", "fenced", "unfenced", "fenced"]


@pytest.mark.parametrize("nic", ["virtio", "virtio-legacy", "virtio-modern"])
def test_virtio_past_the_unit_forwards_and_is_unfenced(nic):
    """virtio 1.2 6: without ACCESS_PLATFORM the device takes physical addresses."""
    with Appliance(nics=[nic] * 2, config=CONFIG["l2"], before=unit(), plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result
        assert fences(appliance) == [("unfenced", "all")] * 2


@pytest.mark.parametrize("nic", NIC)
def test_off_is_off(nic):
    with Appliance(nics=NIC[nic], config=CONFIG["l2"], before=unit(), append="iommu=off",
                   plugged=False) as appliance:
        assert "iommu: off (iommu=off)" in appliance.transcript
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result


def test_behind_a_bridge_to_pci():
    """A conventional NIC behind a PCIe-to-PCI bridge speaks under the bridge's ID."""
    bridge = ["-device", "pcie-pci-bridge,id=br,bus=rp0"]
    with Appliance(nics=["e1000,bus=br,addr=3", "e1000,bus=br,addr=4"], config=CONFIG["l2"],
                   before=unit() + bridge, append="iommu=strict", plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--frames", "1000")
        assert status == 0, result
        groups = re.findall(r"^\d .* (\S+:\S+) +\d+$", appliance.must("show iommu"), re.M)
        assert len(groups) == 2 and groups[0] == groups[1]


# Attacks -----------------------------------------------------------------------------------

EDU = ["-device", "edu,addr=0x10,dma_mask=0xffffffffffffffff"]
BDF = "0000:00:10.0"
LENGTH = 256


COLLECTED_US = 30000     # iommu.c looks for faults every ms, apps/machine/fence.c every 10 ms


class Attacker(Appliance):
    """Port 0 is somebody else's e1000; the edu device does what the console says.

    Warnings go into the log only, so that they do not fall between a prompt and a command."""

    def __init__(self, options="", append=""):
        super().__init__(nics=["e1000"], config=CONFIG["l2"], image=ATTACK, before=unit(options), extra=EDU,
                         append="loglevel=error " + append)

    def log(self):
        return self.must("show log").splitlines()

    def targets(self):
        return {name: int(address, 16) for name, address in
                re.findall(r"^(\w+) ([0-9a-f]+)$", self.must("attack targets"), re.M)}

    def sum(self, address):
        return self.must("attack sum %d %d" % (address, LENGTH))

    def attack(self, what, address):
        """One copy, and time of the appliance's own for what came of it to be collected."""
        assert self.must("attack %s %d %d" % (what, address, LENGTH)) == "done\n"
        self.let_pass(COLLECTED_US)

    def told(self, attack):
        """What the log says of the attacker; at most one line a second and device, so it may take several."""
        known = set(self.log())
        for _ in range(6):
            attack()
            for line in self.log():
                if line not in known and "iommu: " + BDF in line:
                    return line.split(BDF + " ")[1]
            self.let_pass(300000)
        raise AssertionError("nothing was told of " + BDF)

    def recorded(self):
        """Faults and overflows: one record folds repeats, so only growth means something."""
        faults, overflows = re.search(r"faults +(\d+), (\d+) overflows", self.must("show iommu")).groups()
        return int(faults) + int(overflows)


@pytest.fixture(scope="module", params=["", "caching-mode=on", "x-scalable-mode=on",
                                        "x-scalable-mode=on,x-flts=on"],
                ids=["default", "caching", "scalable", "first-stage"])
def attacker(request):
    with Attacker(request.param) as appliance:
        appliance.must("iommu faults 0")
        yield appliance


def record_is_spoilt(appliance):
    """The unit of QEMU 8.2, in scalable mode, sets all bits of a record's type, PASID and reason."""
    unit, offset = re.search(r"unit ([0-9a-f]+):.* capabilities ([0-9a-f]{16})", appliance.must("show iommu")).groups()
    records = int(unit, 16) + 16 * (int(offset, 16) >> 24 & 0x3ff)     # CAP.FRO
    return "0x7fffffff" in appliance.human_monitor("xp /1wx %#x" % (records + 12))


def assert_blocked(appliance, what, name, address, why=""):
    """No change, one more fault, and a report with the BDF, the address and a reason."""
    before, faults = appliance.sum(address), appliance.recorded()
    line = appliance.told(lambda: appliance.attack(what, address))
    assert appliance.sum(address) == before
    assert appliance.recorded() > faults, name
    if record_is_spoilt(appliance):
        what, why = "read", "a reason we do not know"
    assert re.match(r"%s of %x: .*%s.*\(VT-d [0-9.]+\)" % (what, address, why), line), line


def test_attacks_work_without_a_fence():
    """What the other tests believe: the device does reach memory that nothing keeps it from."""
    with Attacker(append="iommu=off") as appliance:
        targets = appliance.targets()
        appliance.attack("read", targets["both"])
        before = appliance.sum(targets["past_pool"])
        appliance.attack("write", targets["past_pool"])
        assert appliance.sum(targets["past_pool"]) != before


# Permissions come before anything that makes QEMU's unit cache the pages' translations: it refuses an
# access that a cached translation does not allow, but records no fault for it.


def test_read_only_memory_is_not_written(attacker):
    attacker.attack("read", attacker.targets()["both"])
    assert_blocked(attacker, "write", "read_only", attacker.targets()["read_only"], "not mapped for writing")


def test_write_only_memory_is_not_read(attacker):
    page = attacker.targets()["write_only"]
    if "first stage" in attacker.must("show iommu"):
        pytest.skip("VT-d 9.7: a first-stage entry that is present can be read")
    assert_blocked(attacker, "read", "write_only", page, "not mapped for reading")


def test_read_only_memory_is_not_written_when_cached(attacker):
    targets = attacker.targets()
    attacker.attack("read", targets["read_only"])
    attacker.attack("read", targets["both"])
    before = attacker.sum(targets["read_only"])
    attacker.attack("write", targets["read_only"])
    assert attacker.sum(targets["read_only"]) == before


def test_own_memory_is_reached(attacker):
    targets = attacker.targets()
    faults = attacker.recorded()
    attacker.attack("read", targets["both"])        # the pattern, which attacks then write
    before = attacker.sum(targets["write_only"])
    attacker.attack("write", targets["write_only"])
    attacker.attack("read", targets["both"])
    assert attacker.sum(targets["write_only"]) != before
    assert attacker.recorded() == faults


@pytest.mark.parametrize("what", ["write", "read"])
@pytest.mark.parametrize("name", ["text", "page_table", "iommu_root", "ring", "pool", "past_pool"])
def test_foreign_memory_is_not(attacker, name, what):
    attacker.attack("read", attacker.targets()["both"])
    assert_blocked(attacker, what, name, attacker.targets()[name])


def test_high_addresses_are_not(attacker):
    """VT-d 7.1: an address beyond the table's reach is blocked like any other."""
    faults = attacker.recorded()
    attacker.told(lambda: attacker.attack("write", 1 << 60))
    assert attacker.recorded() > faults


def test_memory_given_back_is_out_of_reach(attacker):
    """The mapping was used, so the unit has it cached; after the invalidation it is gone."""
    page = attacker.targets()["gone"]
    attacker.attack("read", attacker.targets()["both"])
    before = attacker.sum(page)
    attacker.attack("write", page)
    assert attacker.sum(page) != before
    attacker.must("attack forget")
    assert_blocked(attacker, "read", "gone", page)
    assert_blocked(attacker, "write", "gone", page)


# The device that lost its driver ---------------------------------------------------------


def test_after_stop_nothing_lands():
    with Attacker() as appliance:
        targets = appliance.targets()
        appliance.attack("read", targets["both"])
        appliance.must("attack stop")
        before = appliance.sum(targets["both"])
        appliance.attack("write", targets["both"])      # bus mastering is off: nothing leaves it
        assert appliance.sum(targets["both"]) == before
        appliance.must("attack master on")
        assert_blocked(appliance, "write", "both", targets["both"])


# Interrupts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["intremap=on", "intremap=on,eim=on", "intremap=on,x-scalable-mode=on"])
def test_remappable_interrupt_is_blocked(options):
    """VT-d 5.1.4.1: every entry of the table is absent."""
    with Attacker(options) as appliance:
        faults = appliance.recorded()
        assert "remapped, none can be raised" in appliance.must("show iommu")     # GSTS.CFIS is 0
        line = appliance.told(lambda: appliance.must("attack interrupt remappable"))
        assert re.match(r"interrupt request 0: .*\(VT-d 5", line), line
        assert appliance.recorded() > faults


def test_without_remapping_it_says_so():
    with Attacker("intremap=off") as appliance:
        assert "not remapped: a device can raise any" in appliance.must("show iommu")


# Too many faults -------------------------------------------------------------------------------

FRAME = bytes.fromhex("ffffffffffff" "020000000a02" "88b5") + bytes(46)


def test_port_is_stopped_and_started_again():
    """The other port goes on; the one that was stopped works again after `port N up`."""
    with Appliance(nics=["e1000"] * 2, config="iommu faults 3\n" + CONFIG["l2"], image=ATTACK,
                   before=unit()) as appliance:
        appliance.must("attack revoke 0")
        for _ in range(100):
            appliance.wires[0].send(FRAME)
            appliance.let_pass(COLLECTED_US)
            if "stopped after" in appliance.must("show log"):
                break
        log = appliance.must("show log")
        assert re.search(r"port 0 \(e1000\): stopped after \d+ DMA faults", log)
        assert re.search(r"iommu: 0000:\S+ write of ", log)
        assert re.search(r"^0 .*down", appliance.must("show ports"), re.M)
        assert re.search(r"^1 .*up", appliance.must("show ports"), re.M)
        assert fences(appliance)[0] == ("fenced", "0")
        appliance.must("port 0 up")
        sent = FRAME[:-1] + b"\1"       # unlike those that may have come before
        appliance.wires[0].send(sent)
        appliance.wires[1].expect(lambda frame: frame == sent)


def test_any_number_of_faults_when_told_so():
    with Attacker() as appliance:
        appliance.must("iommu faults 0")
        assert "iommu faults 0\n" in appliance.must("show config")
        assert "a port is stopped" not in appliance.must("show iommu")
