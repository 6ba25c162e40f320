"""Boot paths, many CPUs, and the end of the machine (contract.md)."""
import re
import time

import pytest

import boots
from debugger import Debugger
from qemu import COMMAND_LIMIT, Appliance, check_law
from test_boot_matrix import WAYS
from test_load import unharmed
from test_smp import cpus_in_use


@pytest.mark.parametrize("way", WAYS)
def test_boots_and_forwards(way):
    boot, machine = WAYS[way]
    config = {"millrace.conf": "forward l2\n"} if boots.KINDS[boot].network else "forward l2\n"
    with Appliance(config=config, boot=boot, machine=machine, plugged=False, extra=["-smp", "4"]) as appliance:
        assert cpus_in_use(appliance) == 4
        unharmed(appliance, *appliance.traffic("blast", "--frames", "500", "--sizes", "60,590,1514"))
        check_law(appliance.stats())


@pytest.mark.parametrize("count", [3, 8, 64])
def test_many_cpus_forward(count):
    with Appliance(nics=["virtio"] * 4, config="forward l2\n", plugged=False, extra=["-smp", str(count)]) as appliance:
        assert cpus_in_use(appliance) == len(appliance.stats()["cores"]) == count
        unharmed(appliance, *appliance.traffic("blast", "--frames", "5000"))
        check_law(appliance.stats())


def test_sockets_and_threads_number_ids_with_gaps():
    """Three threads a core and five cores a socket: APIC IDs are no row of numbers."""
    with Appliance(nics=(), extra=["-smp", "30,sockets=2,cores=5,threads=3"]) as appliance:
        assert cpus_in_use(appliance) == 30


@pytest.mark.parametrize("core", range(4))
@pytest.mark.parametrize("crash", ["null", "stack", "panic"])
def test_the_panic_of_any_cpu_is_told_once(crash, core):
    with Appliance(append="panic=halt -- forward l2", extra=["-smp", "4"]) as appliance:
        appliance.type("debug crash %s core %d\n" % (crash, core))
        appliance.read_until(r"^panic: .*^on CPU %d$.*^halted" % core)
        assert "worker_poll+" in appliance.transcript or crash == "stack"
        appliance.read_some()
        assert appliance.transcript.count("panic: ") == 1
        appliance.kill()


def test_a_reset_after_a_panic_brings_all_cpus_back():
    with Appliance(config="forward l2\n", extra=["-smp", "4"]) as appliance:
        appliance.type("debug crash invalid core 3\n")
        appliance.read_until(r"^panic: invalid opcode.*on CPU 3.*reset in 10 s")
        appliance.ready()
        assert re.findall(r"^cpus: (\d+) in use$", appliance.transcript, re.M) == ["4", "4"]


def registers(machine):
    return machine.human_monitor("info registers -a")


def test_after_a_panic_no_cpu_runs(tmp_path):
    """Two workers poll; the NMI stops them."""
    debugger = Debugger(tmp_path)
    with Appliance(append="panic=halt -- forward l2", extra=["-smp", "4", *debugger.options], wait_ready=False) as appliance:
        debugger.connect(appliance)
        debugger.run()
        appliance.ready()
        assert registers(appliance).count("HLT=1") < 4
        appliance.type("debug crash panic\n")
        appliance.read_until(r"^halted")
        end = time.monotonic() + COMMAND_LIMIT
        while registers(appliance).count("HLT=1") < 4:
            assert time.monotonic() < end
        appliance.kill()
