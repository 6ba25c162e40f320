"""The PF's side of SR-IOV with QEMU's 82576: the console, VFs in number, two PFs, the switch inside,
and a VF that attacks.  What the VFs' driver does is test_sriov_vf.py's.

QEMU's igb has no anti-spoofing, no rate limiter and no malicious-driver detection: of those the
registers are read back here, and the effect is shown on the model (tests/models/test_igb_pf.c).
"""
import re
import time

import pytest

from addresses import BROADCAST, Ether, IP, UDP
import qemu
from qemu import ATTACK, Appliance, check_law
from test_sriov_vf import FENCES, PF, Station, all_up, ask, must, nothing_is_left, ports, stats, until

OTHER = "0000:02:00.0"          # the second PF: behind the second root port
ONE = ["virtio-net-pci,disable-legacy=on,iommu_platform=on", "igb"]
TWO = ["igb", "igb"]
STATION = bytes.fromhex("020000000a01")
ELSEWHERE = bytes.fromhex("020000000b01")

# 82576 DS 8.14, as in nic/intel/igb/igb_virt_regs.h
MRQC, VT_CTL, VFRE, VFTE, DTXSWC, QDE = 0x5818, 0x581c, 0x0c8c, 0x0c90, 0x3500, 0x2408


def VMVIR(n):
    return 0x3700 + 4 * n


def frame(to, source=STATION, n=0, size=64):
    return to + source + b"\x88\xb5" + bytes((i + n) & 0xff for i in range(size - 14))


def datagrams(wire, marker):
    """What of UDP came before the marker; there may be ARP as well."""
    return [f for f in wire.before(lambda f: marker in f) if UDP in Ether(f)]


def raw(mac):
    return bytes.fromhex(mac.replace(":", ""))


def vfs(appliance):
    """What `show vfs` says: by PF and VF, its figures and words."""
    found = {}
    for block in re.split(r"^(?=\S+: port \d+ \(igb\))", must(appliance, "show vfs"), flags=re.M):
        master = re.match(r"(\S+): port", block)
        for vf in re.split(r"^  vf ", block, flags=re.M)[1:]:
            figures = {name: int(value) for value, name in
                       re.findall(r"(\d+) (refused|invalid|deferred|resets|spoofed|malicious|packets)", vf)}
            figures["messages"] = int(re.search(r"messages  (\d+)", vf).group(1))
            figures.update(text=vf, mac=re.search(r"(..:){5}..", vf).group(0))
            found[master.group(1), int(vf.split()[0])] = figures
    return found


class Registers:
    """The PF's registers, through QEMU's monitor: what the driver wrote is what the device has."""

    def __init__(self, appliance, pf=PF):
        self.appliance = appliance
        self.base = int(re.search(r"BAR 0 +memory ([0-9a-f]+)-", must(appliance, "show pci %s" % pf)).group(1), 16)

    def read(self, register):
        said = self.appliance.human_monitor("xp /1wx %#x" % (self.base + register))
        return int(said.split(":")[1], 16)


# The console --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_vfs_in_number(count, fence):
    """Ports in VF order with the lowest free numbers; gone without a trace; then with the same."""
    before, append = FENCES[fence]
    with Appliance(nics=ONE, config="forward l2\n", before=before, append=append) as appliance:
        until(appliance, all_up)
        must(appliance, "vf %s count %d" % (PF, count))
        now = until(appliance, lambda p: len(p) == 2 + count and all_up(p))
        assert [now[2 + k]["bdf"] for k in range(count)] == ["0000:01:10.%x" % (2 * k) if k < 4 else
                                                            "0000:01:11.%x" % (2 * k - 8) for k in range(count)]
        shown = vfs(appliance)
        assert sorted(shown) == [(PF, k) for k in range(count)]
        assert [shown[PF, k]["mac"] for k in range(count)] == [now[2 + k]["mac"] for k in range(count)]
        assert all("mailbox   open" in shown[PF, k]["text"] for k in range(count))
        must(appliance, "vf %s count 0" % PF)
        assert sorted(ports(appliance)) == [0, 1] and vfs(appliance) == {}
        must(appliance, "vf %s count 1" % PF)
        assert sorted(until(appliance, lambda p: len(p) == 3 and all_up(p))) == [0, 1, 2]


def test_what_is_wrong_is_said():
    wrong = [
        ("vf 03:00.0 count 1", "there is no function 03:00.0, expected one that 'show pci' lists"),
        ("vf 00:02.0 count 1", "00:02.0 has no SR-IOV capability, expected a PF"),
        ("vf %s count 8" % PF, "8 VFs are too many for 0000:01:00.0, expected 0 to 7"),
        ("vf %s 0 trust on" % PF, "0000:01:00.0 has no VFs, expected 'vf 0000:01:00.0 count NUMBER' before"),
    ]
    wrong_then = [
        ("vf %s count 3" % PF, "0000:01:00.0 has 2 VFs in force already, expected 'vf 0000:01:00.0 count 0' before"),
        ("vf 01:10.0 count 1", "01:10.0 is a VF itself, expected its PF"),
        ("vf %s 2 trust on" % PF, "VF '2' of 0000:01:00.0 is out of range, expected 0 to 1"),
        ("vf %s 0 vlan 4095" % PF, "vlan '4095' is out of range, expected 1 to 4094, or 0 for none"),
        ("vf %s 0 mac ff:ff:ff:ff:ff:ff" % PF, "'ff:ff:ff:ff:ff:ff' is no station's address, expected one with an "
                                              "even first octet that is not all zeros"),
        ("vf %s 0 mac 02:00:00:00:00:02" % PF, "VF 0 of 0000:01:00.0: mac is not changed: that address is the PF's"),
        ("vf %s 0 link up" % PF, "VF 0 of 0000:01:00.0: link is not changed: the 82576 cannot force a link up while "
                                 "the wire is down"),
        ("vf %s 0 rate 1001" % PF, "VF 0 of 0000:01:00.0: rate is not changed: the 82576 limits to 1 to 1000 Mb/s"),
        ("vf %s 0 link sideways" % PF, "wrong 'sideways' after 'vf 0000:01:00.0 0 link'"),
    ]
    with Appliance(nics=ONE) as appliance:
        for line, error in wrong:
            assert "error: " + error in ask(appliance, line)
        must(appliance, "vf %s count 2" % PF)
        until(appliance, lambda p: len(p) == 4 and all_up(p))
        for line, error in wrong_then:
            assert "error: " + error in ask(appliance, line)
        assert must(appliance, "show config").strip() == "vf %s count 2" % PF


def test_the_configuration_makes_itself_again():
    """`show config` of one machine configures another: policies, and settings of the VFs' own ports."""
    config = "\n".join(["vf %s count 3" % PF, "vf {0} 0 mac 02:00:00:00:0a:aa", "vf {0} 0 vlan 12",
                        "vf {0} 1 spoofcheck off", "vf {0} 1 trust on", "vf {0} 2 rate 250", "vf {0} 2 link down",
                        "port 0000:01:10.2 address 192.0.2.1/24", "forward l3", ""]).replace("{0}", PF)

    def configuration(text):
        with Appliance(nics=ONE, config=text) as appliance:
            until(appliance, lambda p: len(p) == 5 and p[2]["link"] == p[3]["link"] == "up")
            assert "error:" not in appliance.transcript
            return must(appliance, "show config")

    first = configuration(config)
    assert [line for line in config.splitlines() if line.startswith("vf ")] == \
        [line for line in first.splitlines() if line.startswith("vf ")]
    assert "port 0000:01:10.2 address 192.0.2.1/24" in first
    assert configuration(first) == first


def test_isolation_is_asked_for():
    """Above the PF nothing keeps its VFs apart (no ACS): refused, unless it is said by name."""
    apart = "pcie-root-port,id=rp1,chassis=2,disable-acs=on|igb,bus=rp1"
    with Appliance(nics=[ONE[0], apart]) as appliance:
        answer = ask(appliance, "vf %s count 2" % PF)
        assert "error: 0000:01:00.0 makes no VFs: " in answer and "unisolated" in answer, answer
        assert sorted(ports(appliance)) == [0, 1]
        must(appliance, "vf %s count 2 unisolated" % PF)
        until(appliance, lambda p: len(p) == 4 and all_up(p))
        assert "vf %s count 2 unisolated" % PF in must(appliance, "show config")


# The chip -----------------------------------------------------------------------------------------


def test_registers_are_as_the_policies_say():
    with Appliance(nics=ONE, config="vf %s count 3\n" % PF) as appliance:
        until(appliance, lambda p: len(p) == 5 and all_up(p))
        registers = Registers(appliance)
        assert registers.read(MRQC) & 7 == 3                        # pools
        assert registers.read(VT_CTL) >> 7 & 7 == 3                 # the PF's is the fourth
        assert registers.read(VFRE) == registers.read(VFTE) == 0xf
        assert registers.read(QDE) == 0xffff
        assert registers.read(DTXSWC) == 0x80000707                 # loopback, anti-spoofing of three VFs
        must(appliance, "vf %s 1 spoofcheck off" % PF)
        assert registers.read(DTXSWC) == 0x80000505
        must(appliance, "vf %s 2 vlan 77" % PF)
        assert registers.read(VMVIR(2)) == 0x40000000 | 77
        must(appliance, "vf %s 0 link down" % PF)
        assert registers.read(VFRE) == registers.read(VFTE) == 0xe
        must(appliance, "port 1 down")
        must(appliance, "port 1 up")                                # all that survives a reset of the chip
        until(appliance, lambda p: p[3]["link"] == p[4]["link"] == "up")
        assert registers.read(DTXSWC) == 0x80000505
        assert registers.read(VMVIR(2)) == 0x40000000 | 77
        assert registers.read(VFRE) == 0xe
        must(appliance, "vf %s count 0" % PF)
        assert registers.read(MRQC) & 7 == 0 and registers.read(DTXSWC) == 0 and registers.read(VT_CTL) == 0


ROUTED = """\
port 0 address 198.51.100.1/24
port 2 address 192.0.2.1/24
forward l3
"""


MARKER = b"the marker that goes outside the same way"


def routed_to(appliance, to):
    """A marker to the wire behind ten frames: from the virtio wire by way of VF 0's port to whoever has this address there."""
    station = Station(appliance, 0, 0, "198.51.100.2", "198.51.100.1").introduce()
    must(appliance, "neighbor add 192.0.2.9 %s port 2" % to)
    must(appliance, "neighbor add 192.0.2.10 02:00:00:00:0a:02 port 2")      # outside
    before = ports(appliance)
    for n in range(11):
        body = b"%04d" % n * 10 if n < 10 else MARKER
        appliance.wires[0].send(Ether(src=station.mac, dst=station.router)
                                / IP(src=station.ip, dst="192.0.2.%d" % (9 + n // 10)) / UDP(sport=7, dport=7) / body)
    return until(appliance, lambda p: p[2]["tx_packets"] == before[2]["tx_packets"] + 11), before


@pytest.mark.parametrize("fence", FENCES)
def test_the_chip_switches_between_its_functions(fence):
    """VF to VF and VF to PF stay inside; what nobody inside has goes to the wire, and there alone."""
    before, append = FENCES[fence]
    with Appliance(nics=ONE, config="vf %s count 2\n" % PF + ROUTED, before=before, append=append) as appliance:
        until(appliance, lambda p: len(p) == 4 and all_up(p))
        for target in (3, 1):
            to = ports(appliance)[target]["mac"]
            routed_to(appliance, to)
            assert datagrams(appliance.wires[1], MARKER) == []      # not on the wire
            assert ports(appliance)[target]["rx_packets"] >= 10
            must(appliance, "neighbor delete 192.0.2.9")
            must(appliance, "neighbor delete 192.0.2.10")
        routed_to(appliance, "02:00:00:00:0a:01")
        arrived = [f for f in appliance.wires[1].before(lambda f: MARKER in f) if f[:6] == STATION]
        assert len(arrived) == 10 and all(f[6:12] == raw(ports(appliance)[2]["mac"]) for f in arrived)
        check_law(stats(appliance))


def test_the_bridge_and_the_switch_make_no_loop():
    """Mode l2 over virtio, a PF and its VFs: every frame arrives elsewhere once, and never comes back."""
    with Appliance(nics=ONE, config="vf %s count 2\nforward l2\n" % PF) as appliance:
        until(appliance, lambda p: len(p) == 4 and all_up(p))
        macs = [raw(ports(appliance)[n]["mac"]) for n in (2, 3)]
        a, b = appliance.wires
        for n in range(5):
            for to in (b"\xff" * 6, bytes.fromhex("01005e000017"), bytes.fromhex("0200000f0f0f"), macs[0]):
                b.send(frame(to, STATION, n))
                assert a.receive() == frame(to, STATION, n)
                a.send(frame(to, ELSEWHERE, n + 50))
                if to != macs[0]:                                   # that one stays in the NIC, with its VF
                    assert b.receive() == frame(to, ELSEWHERE, n + 50)
            b.send(frame(ELSEWHERE, STATION, n + 100))              # known by now, and still where it was
            assert a.receive() == frame(ELSEWHERE, STATION, n + 100)
        nothing_is_left(a, b)
        check_law(stats(appliance))


# Two PFs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", FENCES)
def test_two_pfs(fence):
    """Each with VFs of its own, numbered as they come; frames cross from one to the other by us."""
    before, append = FENCES[fence]
    config = ("vf {0} count 2\nvf {1} count 2\nport 2 address 192.0.2.1/24\n"
              "port 4 address 198.51.100.1/24\nforward l3\n").format(PF, OTHER)
    with Appliance(nics=TWO, config=config, before=before, append=append) as appliance:
        now = until(appliance, lambda p: len(p) == 6 and all_up(p))
        assert [now[n]["bdf"] for n in range(2, 6)] == ["0000:01:10.0", "0000:01:10.2", "0000:02:10.0", "0000:02:10.2"]
        assert len({now[n]["mac"] for n in now}) == 6
        who = [Station(appliance, 0, 2, "192.0.2.2", "192.0.2.1").introduce(),
               Station(appliance, 1, 4, "198.51.100.2", "198.51.100.1").introduce()]
        for n in range(10):
            who[0].send(who[1], n)
            assert who[1].expect(n).src == now[4]["mac"]
            who[1].send(who[0], n + 100)
            assert who[0].expect(n + 100).src == now[2]["mac"]
        # one goes, the other stays
        must(appliance, "vf %s count 0" % PF)
        assert sorted(ports(appliance)) == [0, 1, 4, 5]
        assert all_up(until(appliance, all_up))


def test_between_vms_as_the_guides_have_it():
    """Intel's primer and DPDK's guide: two VFs of one port talk through the chip, VFs of different
    ports through the forwarder.  Each wire's station plays the VM that sends."""
    config = ("vf {0} count 2\nvf {1} count 2\nport 2 address 192.0.2.1/24\nport 4 address 198.51.100.1/24\n"
              "forward l3\n").format(PF, OTHER)
    with Appliance(nics=TWO, config=config) as appliance:
        now = until(appliance, lambda p: len(p) == 6 and all_up(p))
        sender = Station(appliance, 1, 4, "198.51.100.2", "198.51.100.1").introduce()
        # different ports: VF 0 of the second to VF 0 of the first, by routing; from there to VF 1 of
        # the first, the same port, by the chip
        must(appliance, "neighbor add 192.0.2.9 %s port 2" % now[3]["mac"])
        before = ports(appliance)
        for n in range(20):
            appliance.wires[1].send(Ether(src=sender.mac, dst=sender.router)
                                    / IP(src=sender.ip, dst="192.0.2.9") / UDP(sport=7, dport=7) / (b"%04d" % n * 10))
        after = until(appliance, lambda p: p[3]["rx_packets"] >= before[3]["rx_packets"] + 20)
        assert after[4]["rx_packets"] >= before[4]["rx_packets"] + 20
        assert after[2]["tx_packets"] == before[2]["tx_packets"] + 20
        must(appliance, "neighbor add 192.0.2.10 02:00:00:00:0a:02 port 2")
        appliance.wires[1].send(Ether(src=sender.mac, dst=sender.router)
                                / IP(src=sender.ip, dst="192.0.2.10") / UDP(sport=7, dport=7) / MARKER)
        assert datagrams(appliance.wires[0], MARKER) == []


@pytest.mark.parametrize("mode", ["io", "mac", "macswap", "rxonly"])
def test_modes_between_a_vf_and_another_pf(mode):
    """The VF of one NIC and the PF of the other are the pair 3 and 2.  (VFs of both, or of one, as
    pairs beside their PFs' pair are a loop: docs/limits.md.)"""
    config = "vf {0} count 1\nforward {1}\n".format(PF, mode)
    with Appliance(nics=[ONE[0]] + TWO, config=config) as appliance:
        now = until(appliance, lambda p: len(p) == 4 and all_up(p))
        vf, other = raw(now[3]["mac"]), raw(now[2]["mac"])
        expected = {"io": lambda n: frame(vf, STATION, n),
                    "mac": lambda n: bytes.fromhex("020000000002") + other + frame(vf, STATION, n)[12:],
                    "macswap": lambda n: STATION + vf + frame(vf, STATION, n)[12:]}
        for n in range(10):
            appliance.wires[1].send(frame(vf, STATION, n))
            if mode in expected:
                assert appliance.wires[2].receive() == expected[mode](n)
        after = until(appliance, lambda p: p[3]["rx_packets"] >= now[3]["rx_packets"] + 10)
        assert mode != "rxonly" or after[2]["tx_packets"] == now[2]["tx_packets"]
        must(appliance, "forward io")                   # a mode in which a marker gets there, and nothing before it
        appliance.wires[1].send(frame(vf, STATION, 99))
        assert appliance.wires[2].before(frame(vf, STATION, 99)) == []


def test_frames_of_all_functions_reach_the_wire():
    """txonly: each function sends under its own address, port N to 02:00:00:00:00:N; that of port 2
    is the PF's own, so what VF 0 sends stays inside."""
    with Appliance(nics=ONE, config="vf %s count 3\n" % PF) as appliance:
        now = until(appliance, lambda p: len(p) == 5 and all_up(p))
        must(appliance, "forward txonly")
        macs = {raw(now[n]["mac"]) for n in (1, 3, 4)}
        seen, end = set(), time.monotonic() + 30
        while seen != macs and time.monotonic() < end:
            got = appliance.wires[1].receive()
            seen |= {got[6:12]} if got else set()
        assert seen == macs
        must(appliance, "stop")
        shown = vfs(appliance)
        assert all(shown[PF, k]["text"].count("tx        0 packets") == 0 for k in range(3))


# Attack -------------------------------------------------------------------------------------------


def test_a_vf_that_floods_its_mailbox_slows_nobody():
    """Served so often a second and no more, by the appliance's own clock; meanwhile every frame
    through its neighbour arrives, and the neighbour is served when it asks.  The clock counts instructions
    where it can: of who is seldom let run, nobody could ask too often."""
    counts = qemu.accelerator() == "tcg"
    config = ("vf %s count 3\nport 0 address 198.51.100.1/24\nport 3 address 203.0.113.1/24\nforward l3\n" % PF)
    with Appliance(nics=ONE, config=config, image=ATTACK, extra=["-icount", "shift=0"] * counts) as appliance:
        until(appliance, lambda p: len(p) == 5 and all_up(p))
        who = [Station(appliance, 0, 0, "198.51.100.2", "198.51.100.1").introduce(),
               Station(appliance, 1, 3, "203.0.113.2", "203.0.113.1").introduce()]
        before, began = vfs(appliance), stats(appliance)["uptime_us"]
        start = len(appliance.transcript)
        appliance.type("attack mailbox 0000:01:10.0 20000\n")
        for n in range(100):                                        # while it goes on
            who[0].send(who[1], n)
            assert who[1].expect(n)
            who[1].send(who[0], n + 1000)
            assert who[0].expect(n + 1000)
        end = time.monotonic() + 120
        while not (told := re.search(r"asked (\d+) times", appliance.transcript[start:])):
            assert time.monotonic() < end
            appliance._read_some(0.2)
        after, seconds = vfs(appliance), (stats(appliance)["uptime_us"] - began) / 1e6
        flood, asked = after[PF, 0], int(told.group(1))
        served = flood["messages"] - before[PF, 0]["messages"]
        assert asked > 500 and served <= 64 + 200 * seconds + 1
        assert flood["deferred"] > 0 or not counts
        assert after[PF, 1]["deferred"] == after[PF, 2]["deferred"] == 0
        must(appliance, "port 3 mtu 4000")                          # the neighbour asks
        assert "granted   frames to 4026 bytes" in vfs(appliance)[PF, 1]["text"]
        check_law(stats(appliance))
