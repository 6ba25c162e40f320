"""Wide instructions: told as the CPU has them, their registers kept across what wakes a CPU.

QEMU's own CPUs are what they are without KVM: qemu64 has none of the wide instructions, max has AVX2.
"""
import re

import pytest

from qemu import ATTACK, Appliance


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
