"""Workers with nothing to do halt, and nothing is lost by it (apps/forward/rest.h)."""
import os
import re
import time

import pytest

from qemu import Appliance, accelerator, check_law, port_mac

A, B = bytes.fromhex("020000000a01"), bytes.fromhex("020000000b01")
WAKE_UPS = 300              # in all, each second, where ports are looked at;
INTERRUPTED = 150           # the control task's 83 and a few, where their interrupts wake
SECONDS = 2
REMAPPING = ("-device", "intel-iommu,intremap=on")


def frame(number, source=A, destination=B):
    return destination + source + b"\x88\xb5" + number.to_bytes(4, "big") + bytes(60)


def cpu_seconds(appliance):
    """What QEMU's process has used."""
    with open("/proc/%d/stat" % appliance.process.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakeups(stats):
    return sum(core["wakeups"] for core in stats["cores"])


def leave_alone():
    """Nobody types: the control task rests as well.  What follows holds without, but shows less."""
    time.sleep(0.15)


def cycles(stats):
    return [core["idle_cycles"] + core["busy_cycles"] for core in stats["cores"]]


def settle(appliance):
    """Until what the boot began is over: every worker has run, and every one that polls has rested."""
    end = time.monotonic() + 60
    while True:
        leave_alone()
        cores = appliance.must("show cores")
        if all(int(often) for often in re.findall(r"^\d+ +\S+ +\S+ +(\d+) +\d+\.\d", cores, re.M)) and \
                all(cycles(appliance.stats())):
            return
        assert time.monotonic() < end, cores


def idle(appliance, seconds=SECONDS):
    """QEMU's CPU time, and the image's wake-ups in a second of its own clock."""
    before, used = appliance.stats(), cpu_seconds(appliance)
    time.sleep(seconds)
    used, after = cpu_seconds(appliance) - used, appliance.stats()
    spent = [now - then for now, then in zip(cycles(after), cycles(before))]
    assert max(spent) < 1.5 * min(spent), spent         # also of those that rest all the time
    return used, (wakeups(after) - wakeups(before)) * 1e6 / (after["uptime_us"] - before["uptime_us"])


def lone_frames(appliance, count=5):
    """Each comes while everybody rests, and is sent on."""
    for number in range(count):
        leave_alone()
        appliance.wires[0].send(frame(number))
        assert appliance.wires[1].expect(lambda f: f[:6] == B) == frame(number)


def interrupts_wake(appliance, count=20):
    """Without them each frame would wait for half a second, when everybody looks once more (REST_MOST_US):
    none would be quick.  On a busy machine not all are."""
    quick = number = 0
    while quick < count or 2 * quick < number:
        time.sleep(0.02)
        since = time.monotonic()
        appliance.wires[0].send(frame(number))
        assert appliance.wires[1].expect(lambda f: f[:6] == B) == frame(number)
        number += 1
        quick += time.monotonic() - since < 0.25
        assert number < 20 * count, quick


def flood_after_rest(appliance, count=200):
    """As many as the ring has buffers for: QEMU's vmxnet3 drops what finds none, before the guest ran at all."""
    leave_alone()
    for number in range(count):
        appliance.wires[0].send(frame(number))
    numbers = [int.from_bytes(appliance.wires[1].expect(lambda f: f[:6] == B)[14:18], "big") for _ in range(count)]
    assert numbers == list(range(count))


CASES = [("virtio", 1, ()), ("virtio", 4, REMAPPING), ("e1000", 1, ()), ("e1000", 4, ()), ("e1000e", 1, ()), ("e1000e", 4, REMAPPING),
         ("igb", 4, ()), ("igb", 1, REMAPPING), ("vmxnet3", 4, ()), ("vmxnet3", 1, REMAPPING)]
LOOKED_AT = ("e1000",)


@pytest.mark.parametrize("nic,cpus,before", CASES)
def test_who_has_nothing_to_do_rests(nic, cpus, before):
    device = {"virtio": "virtio-net-pci,iommu_platform=on,disable-legacy=on"}.get(nic, nic) if before else nic
    with Appliance(nics=[device] * 2, config="forward l2\n", before=before, extra=["-smp", str(cpus)]) as appliance:
        settle(appliance)
        used, often = idle(appliance)
        assert often < (WAKE_UPS if nic in LOOKED_AT else INTERRUPTED)
        lone_frames(appliance)
        if "woken by its interrupts" in appliance.must("show port 0"):
            interrupts_wake(appliance)
        flood_after_rest(appliance)
        check_law(appliance.settled(205))
        assert not before or re.search(r"remapped, 2 can be raised", appliance.must("show iommu")) or nic in LOOKED_AT
        assert ("looked at every" in appliance.must("show port 0")) == (nic in LOOKED_AT)
        assert re.search(r"^[1-9] +worker +rests ", appliance.must("show cores"), re.M) or cpus == 1


def test_it_costs_a_fraction_of_what_spinning_costs():
    """QEMU's CPU time, both machines at once; a machine that spins takes what it gets, which may be little."""
    if accelerator() != "tcg":
        pytest.skip("measured where QEMU's own time is the guest's")
    with Appliance(config="forward l2\n") as resting, Appliance(config="forward l2\n", append="poll=busy") as busy:
        settle(resting)
        before, since = [cpu_seconds(machine) for machine in (resting, busy)], time.monotonic()
        time.sleep(2 * SECONDS)
        twentieth = (time.monotonic() - since) / 20
        rested, spun = (cpu_seconds(machine) - was for machine, was in zip((resting, busy), before))
        assert rested < max(spun / 4, twentieth), (rested, spun)
        assert wakeups(busy.stats()) == 0
        assert "polled all the time" in busy.must("show port 0")
        lone_frames(busy, 2)


def test_a_port_without_interrupts_is_looked_at(nic="e1000"):
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        assert "looked at every 5 ms" in appliance.must("show port 0")
        settle(appliance)
        assert idle(appliance)[1] > 20


def test_everything_changes_while_they_rest():
    """Whoever gives a worker something to do wakes it."""
    with Appliance(nics=["virtio"] * 2, config="forward l2\n", extra=["-smp", "4"]) as appliance:
        settle(appliance)
        for queue in (3, 2, 0, 1):
            appliance.must("port 0 queue 0 core %d" % queue)
            leave_alone()
            appliance.wires[0].send(frame(queue))
            assert appliance.wires[1].expect(lambda f: f[:6] == B) == frame(queue)
        for command in ("port 0 down", "port 0 up", "forward io", "stop", "start"):
            leave_alone()
            appliance.must(command)
        lone_frames(appliance, 2)
        check_law(appliance.settled(6))
