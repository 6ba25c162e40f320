"""The ISO in Bochs (bochs.py), on the oldest 64-bit CPU that it has and on a new one."""
import pytest

import bochs
from addresses import ALICE, BOB, BROADCAST, Ether, ICMP, ROUTER, answer_arp, has, introduce, is_probe, probe
from qemu import READY, check_law

OLDEST, NEWEST, WITHOUT_64_BITS = "athlon64_clawhammer", "corei7_skylake_x", "p3_katmai"


@pytest.mark.parametrize("cpu", [OLDEST, NEWEST])
def test_boots_bridges_and_routes(cpu):
    """Unknown instructions, bits that are reserved and wrong descriptors end in a fault here."""
    with bochs.Appliance(cpu, config="forward l2\n") as appliance:
        assert READY.search(appliance.transcript).group(1, 2) == ("2", "l2")
        a, b = appliance.wires
        for size in (60, 590, 1514):
            frame = bytes(Ether(src=ALICE.mac, dst=BROADCAST, type=0x88b5)).ljust(size, b"\x5a")
            a.send(frame)
            assert b.expect(lambda came: came[12:14] == b"\x88\xb5") == frame

        for line in ROUTER.splitlines():
            appliance.must(line)
        introduce(appliance, ALICE)
        a.send(ALICE.to_router(dst=ALICE.gateway) / ICMP(type=8, id=7) / b"anybody there?")
        a.expect(has(ICMP, type=0, id=7))
        a.send(ALICE.to_router(dst=BOB.ip) / probe())
        answer_arp(appliance, BOB)
        b.expect(is_probe())
        check_law(appliance.stats())

        appliance.type("reboot\n")
        appliance.ready()
        assert appliance.complaints() == []


@pytest.mark.parametrize("crash,words", [
    ("stack", r"stack overflow.*overflow_stack\S*\+"), ("execute", r"execute of \w+: not permitted")])
def test_a_panic_is_told(crash, words):
    """Exceptions, the stacks that they switch to, and that what is no code is not run."""
    with bochs.Appliance(OLDEST, ports=1, append="panic=halt", config="debug crash %s\n" % crash,
                         wait_ready=False) as appliance:
        appliance.read_until(r"panic: [^\n]*%s.*halted" % words)
        appliance.process.kill()
        appliance.process.wait()
        assert appliance.complaints() == []


def test_a_cpu_without_64_bits_is_told():
    """At the speed of the line: a UART that is full loses what comes."""
    with bochs.Appliance(WITHOUT_64_BITS, ports=1, wait_ready=False) as appliance:
        appliance.read_until(r"millrace: this CPU has no 64-bit mode with NX\n")
        appliance.process.kill()
        appliance.process.wait()
        assert appliance.complaints() == []
