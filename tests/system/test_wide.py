"""Wide instructions: told as the CPU has them, their registers kept across what wakes a CPU, and what Intel's drivers do with them.

QEMU's own CPUs are what they are without KVM: qemu64 has none of the wide instructions, max has AVX2.
"""
import re

import pytest

from qemu import ATTACK, Appliance, check_law


def told(appliance):
    return re.search(r"^wide instructions: (.*)$", appliance.must("show cpu"), re.M).group(1)


@pytest.mark.parametrize("cpu,wide", [
    ("qemu64", "none"), ("max", "popcnt ssse3 avx2"), ("max,avx2=off", "popcnt ssse3"), ("max,ssse3=off", "popcnt"),
    ("max,xsave=off", "popcnt ssse3"), ("max,popcnt=off", "ssse3")])
def test_what_the_cpu_has_is_told(cpu, wide):
    """A hypervisor may hide any of it: what needs it is not used, and the machine boots."""
    with Appliance(nics=(), extra=["-cpu", cpu, "-smp", "2"]) as appliance:
        assert told(appliance) == wide


@pytest.mark.parametrize("cpu,registers", [("max", "ymm"), ("qemu64", "xmm")])
def test_what_wakes_a_cpu_leaves_its_registers(cpu, registers):
    """On CPU 0 and on another: and both have the control words that a C program expects (System V ABI)."""
    with Appliance(nics=(), image=ATTACK, extra=["-cpu", cpu, "-smp", "2"]) as appliance:
        for core in (0, 1):
            assert appliance.must("attack registers %d" % core) == \
                "%s: 50 halts, 0 changed; mxcsr 1f80, x87 37f\n" % registers


def frame(n):
    length = 60 + n * 37 % 1400
    return bytes.fromhex("020000000b00" "020000000a00" "88b5") + \
        bytes((n + i) & 0xff for i in range(length - 14))


@pytest.mark.parametrize("nic,cpu", [("igb", "max"), ("igb", "qemu64"), ("e1000", "qemu64"), ("e1000e", "qemu64")])
def test_descriptors_are_taken_by_fours(nic, cpu):
    """With SSE2, which all have: every frame comes out as it went in, tagged ones between others too."""
    with Appliance(nics=[nic, nic], config="forward io\n", extra=["-cpu", cpu]) as appliance:
        told = appliance.must("show port 0")
        assert re.search(r"^  rx queue 0 .*; four descriptors at a time$", told, re.M)
        assert re.search(r"^  tx queue 0 .*; batches of up to 32 frames$", told, re.M)
        frames = [frame(n) for n in range(300)]
        for n in range(7, 300, 7):
            frames[n] = frames[n][:12] + bytes.fromhex("8100%04x" % n) + frames[n][12:]
        for start in range(0, 300, 10):         # a wire holds about ten
            appliance.wires[0].send(*frames[start:start + 10])
            assert [appliance.wires[1].receive() for _ in range(10)] == frames[start:start + 10]
        check_law(appliance.stats())


def test_what_turns_it_off_is_told():
    """Tags that are taken off: those frames are taken one at a time, and leave with none."""
    with Appliance(nics=["igb", "igb"], config="port 0 vlan 10\nforward l2\n") as appliance:
        assert re.search(r"^  rx queue 0 .*; one descriptor at a time: tags are taken off$", appliance.must("show port 0"), re.M)
        assert re.search(r"^  rx queue 0 .*; four descriptors at a time$", appliance.must("show port 1"), re.M)
        tagged = frame(1)[:12] + bytes.fromhex("8100000a") + frame(1)[12:]
        appliance.wires[0].send(tagged)
        assert appliance.wires[1].expect(lambda got: got[12:14] == frame(1)[12:14]) == frame(1)
        check_law(appliance.stats())
