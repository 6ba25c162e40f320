"""The configurations of docs/examples, each with the frames that DPDK's program of that name would pass."""
import os
import subprocess

import pytest
from scapy.all import IP, UDP, Ether, IPv6

from qemu import ROOT, Appliance, check_law, port_mac
from test_sriov_vf import NICS, all_up, must, stats, until

EXAMPLES = os.path.join(ROOT, "docs", "examples")
RULES = os.path.join(ROOT, "tools", "l3fwd-rules")


def example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        return f.read()


def packet(destination, mac):
    return bytes(Ether(dst=mac, src="02:00:00:00:0a:01") / IP(src="192.0.2.9", dst=destination, ttl=9)
                 / UDP(sport=9, dport=9) / (b"x" * 26))


def routed(m, wire, mac, destination, out, out_mac, station):
    """What is sent in at one wire leaves at another, as l3fwd addresses it."""
    m.wires[wire].send(packet(destination, mac))
    got = Ether(m.wires[out].expect(lambda frame: frame[12:14] == b"\x08\0" and b"x" * 26 in frame))
    assert (got.dst, got.src, got[IP].dst, got[IP].ttl) == (station, out_mac, destination, 8)


def test_l2fwd():
    with Appliance(nics=["virtio"] * 4, config=example("l2fwd.conf")) as m:
        for here, there in ((0, 2), (2, 0), (1, 3), (3, 1)):
            frame = packet("198.18.0.9", "02:00:00:00:0b:01")
            m.wires[here].send(frame)
            want = bytes.fromhex("0200000000%02x" % there) + bytes.fromhex(port_mac(there).replace(":", "")) + frame[12:]
            m.wires[there].expect(lambda got, want=want: got == want)
        check_law(m.settled(1))


def test_load_balancer():
    """The guide's flows; two workers take part in what one core receives."""
    flows = 64
    with Appliance(config=example("load_balancer.conf"), extra=["-smp", "4"]) as m:
        for wire in (0, 1):
            routed(m, wire, port_mac(wire), "1.0.0.1", 0, port_mac(0), "02:00:00:00:00:00")
            routed(m, wire, port_mac(wire), "1.0.1.2", 1, port_mac(1), "02:00:00:00:00:01")
        for source in range(flows):
            m.wires[0].send(bytes(Ether(dst=port_mac(0), src="02:00:00:00:0a:01") / IP(src="192.0.2.%d" % (10 + source), dst="1.0.0.3")
                                  / UDP(sport=9, dport=9) / (b"x" * 26)))
        stats = m.settled(flows + 2)
        cores = {core["core"]: core for core in stats["cores"]}
        assert cores[2]["taken"] > 0 and cores[3]["taken"] > 0, cores
        text = m.must("show cores")
        assert "0.0 (set)" in text and "1.0 (set)" in text
        check_law(stats)


@pytest.mark.parametrize("name", ["l3fwd-lpm", "l3fwd-fib", "l3fwd-em"])
def test_l3fwd(name):
    with Appliance(config=example(name + ".conf")) as m:
        for wire in (0, 1):
            routed(m, wire, port_mac(wire), "198.18.0.1", 0, port_mac(0), "02:00:00:00:00:00")
            routed(m, wire, port_mac(wire), "198.18.1.1", 1, port_mac(1), "02:00:00:00:00:01")
        if name in ("l3fwd-lpm", "l3fwd-fib"):      # the longer prefix
            routed(m, 1, port_mac(1), "198.18.1.200", 0, port_mac(0), "02:00:00:00:00:00")
        m.wires[0].send(packet("203.0.113.1", port_mac(0)))
        stats = m.settled(3)
        while stats["ports"][0]["drops"]["no_route"] != 1:
            stats = m.stats()
        check_law(stats)


def test_l3fwd_vf():
    with Appliance(nics=NICS, config=example("l3fwd-vf.conf")) as m:
        until(m, all_up)
        macs = ["02:00:00:00:0f:00", "02:00:00:00:0f:01"]
        for vf in (0, 1):
            m.wires[1].send(packet("198.18.%d.1" % (1 - vf), macs[vf]))
            got = Ether(m.wires[1].expect(lambda frame, vf=vf: frame[:6] == bytes([2, 0, 0, 0, 0, 1 - vf])))
            assert (got.src, got[IP].ttl) == (macs[1 - vf], 8)
        check_law(stats(m))
        must(m, "show vfs")


def convert(*arguments):
    return subprocess.run([RULES, *arguments], capture_output=True, text=True)


def commands(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_converter_makes_the_examples(tmp_path):
    for rules, made in (("l3fwd-lpm.rules", "l3fwd-lpm.conf"), ("l3fwd-lpm.rules", "l3fwd-fib.conf"),
                        ("l3fwd-em.rules", "l3fwd-em.conf")):
        run = convert(os.path.join(EXAMPLES, rules))
        assert run.returncode == 0 and commands(run.stdout) == commands(example(made))
    path = tmp_path / "rules"
    path.write_text("# v6\n\nR2001:0200:0000:000A:0000:0000:0000:0000/64 10\n")
    assert "route add 2001:200:0:a::/64 via fd00:ff:0:a::2" in convert(str(path)).stdout
    path.write_text("R198.18.0.0/24 0x1\n")
    assert "neighbor add 10.255.0.6 02:00:00:00:00:77 port 1" in convert(
        str(path), "--eth-dest", "1,02:00:00:00:00:77").stdout


def test_rules_of_both_families_route(tmp_path):
    path = tmp_path / "rules"
    path.write_text("R2001:0200:0000:0001:0000:0000:0000:0000/64 1\n")
    made = convert(os.path.join(EXAMPLES, "l3fwd-lpm.rules"), str(path))
    frame = bytes(Ether(dst=port_mac(0), src="02:00:00:00:0a:01") / IPv6(src="2001:db8::9", dst="2001:200:0:1::5", hlim=9)
                  / UDP(sport=9, dport=9) / (b"x" * 26))
    with Appliance(config=made.stdout) as m:
        assert "error:" not in m.transcript
        m.let_pass(3000000)         # a station's own address is asked for before it is used: RFC 4862 5.4
        m.wires[0].send(frame)
        got = Ether(m.wires[1].expect(lambda got: b"x" * 26 in got))
        assert (got.dst, got.src, got[IPv6].hlim) == ("02:00:00:00:00:01", port_mac(1), 8)
        routed(m, 0, port_mac(0), "198.18.1.1", 1, port_mac(1), "02:00:00:00:00:01")
        check_law(m.settled(2))


@pytest.mark.parametrize("line,why", [
    ("198.18.0.0/24 0", "line 1: expected a line that begins with R or #"),
    ("R198.18.0.0/33 0", "'198.18.0.0/33' is no prefix"),
    ("R198.18.0.0/24 256", "out of range"),
    ("R198.18.0.0/24", "expected PREFIX PORT"),
    ("@198.18.0.0/24 0", "there are no ACLs"),
    ("R198.18.0.1 198.18.0.2 9 9 0x11 0\nR198.18.0.1 198.18.0.3 9 9 0x11 1", "line 2: 198.18.0.1/32 leads to port 0"),
])
def test_the_converter_refuses(tmp_path, line, why):
    path = tmp_path / "rules"
    path.write_text(line + "\n")
    run = convert(str(path))
    assert run.returncode == 1 and why in run.stderr and not run.stdout


GUEST = """\
vf 0000:01:00.0 count 1
vf 0000:01:00.0 0 mac 02:00:00:00:0f:00
port 0 address 10.255.0.1/30
port 1 address 10.255.0.5/30
port 0000:01:10.0 address 10.255.0.9/30
neighbor add 10.255.0.2 02:00:00:00:00:00 port 0
neighbor add 10.255.0.6 02:00:00:00:00:01 port 1
neighbor add 10.255.0.10 02:00:00:00:00:02 port 0000:01:10.0
route add 198.18.0.0/24 via 10.255.0.2
route add 198.18.1.0/24 via 10.255.0.6
route add 198.18.2.0/24 via 10.255.0.10
forward l3
"""


def test_a_generator_reaches_virtio_and_vmxnet3_by_a_vf_and_back():
    """The flows of DPDK's guide for virtual machines, with the devices that QEMU has."""
    vf = "02:00:00:00:0f:00"
    with Appliance(nics=[NICS[0], "vmxnet3", "igb"], config=GUEST) as m:
        until(m, all_up)
        macs = [port_mac(0), port_mac(1), vf]
        for here in range(3):
            for there in range(3):
                if here != there:
                    routed(m, here, macs[here], "198.18.%d.1" % there, there, macs[there], "02:00:00:00:00:0%d" % there)
        check_law(stats(m))
