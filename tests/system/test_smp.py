"""Several CPUs, the quick part; all of it is in tests/smp (`make test-smp`)."""
import re

import pytest

from debugger import Debugger
from qemu import Appliance, check_law
from test_load import CONFIG, SIZES, unharmed

MICROVM = "microvm,pcie=on,acpi=on"


def cpus_in_use(appliance):
    return int(re.search(r"^cpus: (\d+) in use$", appliance.transcript, re.M).group(1))


@pytest.mark.parametrize("count", [1, 2, 64])
def test_every_cpu_comes(count):
    with Appliance(nics=(), extra=["-smp", str(count)]) as appliance:
        assert cpus_in_use(appliance) == count
        assert "did not come" not in appliance.transcript


@pytest.mark.parametrize("boot,machine,extra", [
    ("pvh", "pc", ()), ("pvh", MICROVM, ("-bios", "qboot.rom")), ("pvh", MICROVM, ()), ("iso", "q35", ()), ("efi", "q35", ())])
def test_by_every_front_door(boot, machine, extra):
    with Appliance(nics=(), boot=boot, machine=machine, extra=["-smp", "4", *extra]) as appliance:
        assert cpus_in_use(appliance) == 4


@pytest.mark.parametrize("option,used,said", [
    ("cores=1", 1, None), ("cores=3", 3, None), ("cores=4", 4, None),
    ("cores=5", 4, r"^cpus: cores=5, but there are 4$"),
    ("cores=0", 4, r"^error: command line: wrong option 'cores=0', expected cores=1 to 64$"),
    ("cores=all", 4, r"^error: command line: wrong option 'cores=all', expected cores=1 to 64$")])
def test_cores_says_how_many(option, used, said):
    with Appliance(nics=(), append=option, extra=["-smp", "4"]) as appliance:
        assert cpus_in_use(appliance) == used
        assert not said or re.search(said, appliance.transcript, re.M)


def test_little_memory_has_few_cpus():
    with Appliance(memory=8, config="forward l2\n", extra=["-smp", "64"]) as appliance:
        assert 2 <= cpus_in_use(appliance) < 64
        assert re.search(r"^cpus: no memory for \d+ of them$", appliance.transcript, re.M)
        assert "running" in appliance.must("show port 1")


def test_places_without_a_cpu_are_not_called():
    with Appliance(nics=(), extra=["-smp", "2,maxcpus=4"]) as appliance:
        assert cpus_in_use(appliance) == 2
        assert "did not come" not in appliance.transcript


def enable_all(debugger, machine):
    """Says of every place in the MADT that there is a CPU (ACPI 6.6 5.2.12: type 0, flags at 4)."""
    memory = debugger.memory(machine.memory << 20)
    for at in (m.start() for m in re.finditer(b"APIC", memory)):
        table = bytearray(memory[at:at + int.from_bytes(memory[at + 4:at + 8], "little")])
        if not 44 <= len(table) <= 4096 or sum(table) & 0xff:
            continue
        entry = 44
        while entry < len(table):
            if table[entry] == 0:
                table[entry + 4] = 1
            entry += table[entry + 1]
        table[9] = (table[9] - sum(table)) & 0xff
        assert debugger.ask("M%x,%x:%s" % (at, len(table), table.hex())) == "OK"


def test_a_cpu_that_does_not_come_is_told_and_left_out(tmp_path):
    """Firmware's table says that it is there."""
    debugger = Debugger(tmp_path)
    with Appliance(nics=(), extra=["-smp", "2,maxcpus=4", *debugger.options], wait_ready=False) as machine:
        debugger.connect(machine)
        debugger.run_to("exception_init")
        enable_all(debugger, machine)
        debugger.run()
        machine.ready()
        assert re.search(r"^cpus: 2 of 3 did not come and are left out: APIC ID 2 3$", machine.transcript, re.M)
        assert cpus_in_use(machine) == 2


def test_an_id_beyond_xapic_mode():
    """APIC ID 299 takes x2APIC mode to be called."""
    far = "qemu64-x86_64-cpu,x2apic=on,socket-id=299,die-id=0,core-id=0,thread-id=0"
    with Appliance(nics=(), extra=["-cpu", "qemu64,+x2apic", "-smp", "2,maxcpus=300,sockets=300", "-device", far]) as appliance:
        assert cpus_in_use(appliance) == 3


ROLES = {1: ["control+worker"], 2: ["control+worker", "worker"], 3: ["control+worker", "worker", "worker"],
         4: ["control", "worker", "worker", "worker"]}


def roles(appliance):
    """As `show cores` and `show cpu` have them and as the statistics do, which agree."""
    told = [core["role"] for core in appliance.stats()["cores"]]
    for command in ("show cores", "show cpu"):
        assert re.findall(r"^\d+ +(\S+) ", appliance.must(command), re.M) == told
    return told


@pytest.mark.parametrize("count", ROLES)
def test_roles_and_who_polls_what(count):
    """contract.md: below four CPUs the control task shares one with a worker, from four on it has its own."""
    with Appliance(nics=["virtio"] * 3, config="forward l2\n", extra=["-smp", str(count)]) as appliance:
        assert roles(appliance) == ROLES[count]
        first = 1 if count >= 4 else 0
        polled = {int(n): queues for n, queues in re.findall(r"^(\d+) +\S+ +(.*?) *$", appliance.must("show cores"), re.M)}
        for port in range(3):
            assert "%d.0" % port in polled[first + port % (count - first)]
        # The user may give the control task's CPU one all the same.
        appliance.must("port 0 queue 0 core 0")
        assert roles(appliance)[0] == "control+worker"
        assert "expected 0 to %d" % (count - 1) in appliance.command("port 0 queue 0 core %d" % count)


@pytest.mark.parametrize("core", [1, 3])
def test_the_panic_of_another_cpu_is_told_once(core):
    """One that polls, and one that rests."""
    with Appliance(append="panic=halt -- forward l2", extra=["-smp", "4"]) as appliance:
        appliance.type("debug crash null core %d\n" % core)
        appliance.read_until(r"^panic: page fault[^\n]*NULL pointer$.*^on CPU %d$.*worker_poll\+.*start_cpu64\+.*^halted" % core)
        assert appliance.transcript.count("panic: ") == 1
        appliance.kill()


@pytest.mark.parametrize("mode,nic", [("l2", "virtio"), ("l3", "virtio"), ("l3", "igb")])
def test_traffic_over_several_cpus(mode, nic):
    with Appliance(nics=[nic] * 2, config=CONFIG[mode], plugged=False, extra=["-smp", "4"]) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "20000", "--sizes", SIZES)
        unharmed(appliance, status, result)
        stats = appliance.stats()
        check_law(stats)
        packets = [core["packets"] for core in stats["cores"]]
        assert packets[0] == packets[3] == 0 and min(packets[1:3]) >= 20000, packets
        assert all(core["busy_cycles"] for core in stats["cores"][1:3])
