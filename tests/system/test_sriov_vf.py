"""Virtual functions as ports: QEMU's 82576, its PF and its VFs all driven by one image.

Wire 0 is the virtio port's (port 0), wire 1 the 82576's: the PF is port 1, its VFs are ports 2
and up.  All of them hear the stations on wire 1, each what is meant for it.
"""
import json
import re
import time

import pytest
from scapy.packet import Raw

from scapy.layers.l2 import Dot1Q

from addresses import ARP, BROADCAST, Ether, ICMP, IP, UDP
from qemu import BOOT_LIMIT, COMMAND_LIMIT, PROMPT, Appliance, check_law

PF = "0000:01:00.0"
NICS = ["virtio-net-pci,disable-legacy=on,iommu_platform=on", "igb"]
UNIT = ["-device", "intel-iommu,caching-mode=on"]
FENCES = {"no-iommu": ([], ""), "iommu": (UNIT, "iommu=strict")}

ROUTED = """\
vf %s count 2
port 0 address 198.51.100.1/24
port 2 address 192.0.2.1/24
port 3 address 203.0.113.1/24
forward l3
""" % PF


def ask(appliance, line):
    """What a command printed.  Unlike Appliance.command() it does not mind log lines around it: a VF
    and its PF have something to say a moment later, and it may fall on what is typed."""
    while appliance._read_some(0.1):
        pass
    end, patience = time.monotonic() + COMMAND_LIMIT, 3 if line.startswith("show") else COMMAND_LIMIT
    while time.monotonic() < end:
        start = len(appliance.transcript)
        appliance.type(line + "\n")
        again, patience = time.monotonic() + patience, 2 * patience     # a busy machine takes longer
        while time.monotonic() < again:
            appliance._read_some(0.05)
            match = re.search(re.escape(line) + r"\n(.*?)" + re.escape(PROMPT), appliance.transcript[start:], re.S)
            if match:
                appliance.seen = len(appliance.transcript)
                return match.group(1)
    raise AssertionError("no answer to %r: ...%s" % (line, appliance.transcript[start:]))


def must(appliance, line):
    output = ask(appliance, line)
    assert "error:" not in output, output
    return output


def stats(appliance):
    """Log lines may come between the echo and the object."""
    return json.loads(re.search(r"^\{.*\}$", must(appliance, "show stats json"), re.M).group(0))


def ports(appliance):
    return {p["port"]: p for p in stats(appliance)["ports"]}


def until(appliance, holds, limit=BOOT_LIMIT):
    """Waits until holds(ports) is true; the ports."""
    end = time.monotonic() + limit
    while not holds(now := ports(appliance)):
        assert time.monotonic() < end, now
        time.sleep(0.05)
    return now


def all_up(now):
    return all(p["link"] == "up" for p in now.values())


def nothing_is_left(a, b):
    """Two wires that are bridged: a marker each way, twice, and nothing before it.  What a port behind the
    NIC's switch still holds is sent in the turn of the first marker."""
    for n in range(2):
        for here, there in ((a, b), (b, a)):
            marker = b"\xff" * 6 + bytes.fromhex("02000000ff%02x" % here.number) + b"\x88\xb5" + b"%50d" % n
            here.send(marker)
            assert there.before(marker) == []


def mac_of(appliance, port):
    return ports(appliance)[port]["mac"]


def says(appliance, text, limit=COMMAND_LIMIT):
    end = time.monotonic() + limit
    while text not in appliance.transcript.replace("\n", " "):
        assert time.monotonic() < end, "%r is not in %s" % (text, appliance.transcript[-3000:])
        appliance._read_some(0.1)


class Station:
    """On wire `wire`, in the network of port `port`."""

    def __init__(self, appliance, wire, port, ip, gateway):
        self.appliance, self.wire, self.port, self.ip, self.gateway = appliance, wire, port, ip, gateway
        self.mac = "02:00:00:00:%02x:%02x" % (0xb0 + wire, int(ip.split(".")[-1]))
        self.router = None

    def introduce(self):
        """Asks for the router's address, so that both know each other."""
        link = self.appliance.wires[self.wire]
        link.send(Ether(src=self.mac, dst=BROADCAST)
                  / ARP(op=1, hwsrc=self.mac, psrc=self.ip, pdst=self.gateway))
        reply = Ether(link.expect(lambda f: ARP in Ether(f) and Ether(f)[ARP].op == 2
                                  and Ether(f)[ARP].psrc == self.gateway and Ether(f).dst == self.mac))
        self.router = reply[ARP].hwsrc
        assert reply.src == self.router
        return self

    def send(self, to, number, size=100):
        body = b"%08d" % number + bytes(size - 8)
        self.appliance.wires[self.wire].send(
            Ether(src=self.mac, dst=self.router) / IP(src=self.ip, dst=to.ip) / UDP(sport=7, dport=7) / Raw(body))

    def expect(self, number, size=100):
        frame = self.appliance.wires[self.wire].expect(
            lambda f: Ether(f).dst == self.mac and UDP in Ether(f)
            and bytes(Ether(f)[UDP].payload)[:8] == b"%08d" % number)
        assert len(bytes(Ether(frame)[UDP].payload)) >= size
        return Ether(frame)


def stations(appliance):
    """One on the virtio wire, one in each VF's network."""
    return [Station(appliance, 0, 0, "198.51.100.2", "198.51.100.1").introduce(),
            Station(appliance, 1, 2, "192.0.2.2", "192.0.2.1").introduce(),
            Station(appliance, 1, 3, "203.0.113.2", "203.0.113.1").introduce()]


def traffic_flows(appliance, count=3, size=100):
    """Between all of them, both ways, each frame once."""
    who = stations(appliance)
    number = int(time.monotonic() * 1000) % 10**7
    for a in who:
        for b in who:
            if a is b:
                continue
            for _ in range(count):
                number += 1
                a.send(b, number, size)
                got = b.expect(number, size)
                assert got.src == b.router


def routed(fence="no-iommu", **more):
    before, append = FENCES[fence]
    return Appliance(nics=NICS, config=ROUTED, before=before, append=append, **more)


# In one image ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", FENCES)
def test_vfs_of_the_command_line_are_ports(fence):
    """Each with an address of the PF's giving, a link that follows the PF's, and a domain of its own."""
    before, append = FENCES[fence]
    with Appliance(nics=NICS, before=before, append=append + " -- vf %s count 2" % PF) as appliance:
        now = until(appliance, lambda p: len(p) == 4 and all_up(p))
        assert [now[n]["driver"] for n in (2, 3)] == ["igbvf", "igbvf"]
        assert [now[n]["bdf"] for n in (2, 3)] == ["0000:01:10.0", "0000:01:10.2"]
        macs = {now[n]["mac"] for n in now}
        assert len(macs) == 4 and "00:00:00:00:00:00" not in macs
        assert all("woken by its interrupts" in must(appliance, "show port %d" % n) for n in range(4))
        assert all(int(mac[:2], 16) & 1 == 0 for mac in macs)
        if fence == "iommu":
            rows = re.findall(r"^(\d+) +(\S+) +(\w+)", must(appliance, "show iommu"), re.M)
            assert [row[2] for row in rows] == ["fenced"] * 4


@pytest.mark.parametrize("fence", FENCES)
def test_routes_between_vfs_and_virtio(fence):
    with routed(fence) as appliance:
        until(appliance, all_up)
        traffic_flows(appliance, count=10)
        now = stats(appliance)
        check_law(now)
        received = {p["port"]: p["rx_packets"] for p in now["ports"]}
        assert received[2] >= 20 and received[3] >= 20 and received[0] >= 20


@pytest.mark.parametrize("fence", FENCES)
def test_bridges_the_pfs_wire_with_the_virtio_wire(fence):
    """VFs or no VFs: each frame arrives once, and their switch makes no loop."""
    before, append = FENCES[fence]
    with Appliance(nics=NICS, before=before, append=append, config="vf %s count 2\nforward l2\n" % PF) as appliance:
        until(appliance, all_up)
        a, b = appliance.wires
        one, two = bytes.fromhex("02000000aa01"), bytes.fromhex("02000000bb01")
        for n in range(10):
            out = two + one + b"\x88\xb5" + b"%50d" % n
            back = one + two + b"\x88\xb5" + b"%50d" % n
            a.send(out)
            assert b.receive() == out
            b.send(back)
            assert a.receive() == back
            flood = b"\xff" * 6 + one + b"\x88\xb5" + b"%50d" % n
            a.send(flood)
            assert b.receive() == flood
        nothing_is_left(a, b)
        check_law(stats(appliance))


@pytest.mark.parametrize("deaf", [[], ["--deaf"]], ids=["heard", "deaf"])
def test_every_frame_of_a_flood_beside_vfs_is_accounted_for(deaf):
    """What the switch copies to VFs of one wire is dropped under a reason; and so when VFs go."""
    with Appliance(nics=NICS, config="vf %s count 2\nforward l2\n" % PF, plugged=False) as appliance:
        for ports_left in (4, 2):
            until(appliance, lambda p: len(p) == ports_left and all_up(p))
            status, result = appliance.traffic("flood", "--mode", "l2", "--frames", "20000", *deaf)
            assert status == 0 and not any(result[way]["duplicated"] for way in ("a_to_b", "b_to_a")), result
            now = stats(appliance)
            check_law(now)
            assert all(p["rx_packets"] for p in now["ports"] if p["port"] < 2)
            if ports_left == 4:
                must(appliance, "vf %s count 0" % PF)


def test_seven_vfs_answer_each_for_itself():
    """All that the chip can have beside its PF."""
    config = "vf %s count 7\n" % PF + "".join("port %d address 10.0.%d.1/24\n" % (n, n) for n in range(2, 9))
    with Appliance(nics=NICS, config=config + "forward l3\n") as appliance:
        until(appliance, lambda p: len(p) == 9 and all_up(p))
        link = appliance.wires[1]
        for n in range(2, 9):
            who = Station(appliance, 1, n, "10.0.%d.2" % n, "10.0.%d.1" % n).introduce()
            assert who.router == mac_of(appliance, n)
            link.send(Ether(src=who.mac, dst=who.router) / IP(src=who.ip, dst=who.gateway) / ICMP(id=n))
            reply = Ether(link.expect(lambda f: ICMP in Ether(f) and Ether(f)[ICMP].type == 0))
            assert (reply.src, reply[IP].src, reply[ICMP].id) == (who.router, who.gateway, n)


def test_long_frames():
    """The VF asks its PF for them; nobody had to set the PF's own MTU."""
    with routed() as appliance:
        until(appliance, all_up)
        for n in (0, 2, 3):
            must(appliance, "port %d mtu 9000" % n)
        assert "granted   frames to 9026 bytes" in must(appliance, "show vfs")
        traffic_flows(appliance, count=1, size=8900)


# Refusals, in plain words ------------------------------------------------------------------------


def test_an_address_of_the_administrators():
    with routed() as appliance:
        until(appliance, all_up)
        must(appliance, "port 2 mac 02:00:00:00:22:22")             # free to choose so far
        assert mac_of(appliance, 2) == "02:00:00:00:22:22"
        traffic_flows(appliance, count=1)
        must(appliance, "vf %s 0 mac 02:00:00:00:aa:01" % PF)
        until(appliance, lambda p: p[2]["link"] == "down" or p[2]["mac"].endswith("aa:01"))
        until(appliance, all_up)
        assert mac_of(appliance, 2) == "02:00:00:00:aa:01"          # adopted, not insisted on
        answer = ask(appliance, "port 2 mac 02:00:00:00:22:33")
        assert "error: port 2 (igbvf): mac is not changed: the PF refused the address" in answer
        assert mac_of(appliance, 2) == "02:00:00:00:aa:01"
        traffic_flows(appliance, count=1)


def test_a_vlan_of_the_administrators():
    with routed() as appliance:
        until(appliance, all_up)
        must(appliance, "vf %s 0 vlan 5" % PF)
        answer = ask(appliance, "port 2 vlan 7")
        assert "vlan is not changed: the PF refused the VLAN: it has one set for this VF" in answer
        assert "vlan           none" in must(appliance, "show port 2")
        must(appliance, "port 3 vlan 7")
        assert "vlan           7:" in must(appliance, "show port 3")


def test_promiscuous_needs_trust():
    with routed() as appliance:
        until(appliance, all_up)
        answer = ask(appliance, "port 2 promiscuous on")
        assert "promiscuous is not changed" in answer and "needs `trust on`" in answer
        assert "port 0000:01:10.0 promiscuous on" not in must(appliance, "show config")
        must(appliance, "vf %s 0 trust on" % PF)
        must(appliance, "port 2 promiscuous on")
        assert "all stations' frames" in must(appliance, "show port 2")
        traffic_flows(appliance, count=1)


def test_a_link_that_is_held_down():
    """No clear-to-send: told once, not once a try; the neighbour does not notice; and back."""
    with routed() as appliance:
        until(appliance, all_up)
        must(appliance, "vf %s 1 link down" % PF)
        until(appliance, lambda p: p[3]["link"] == "down")
        says(appliance, "igbvf 0000:01:10.2: no clear-to-send from the PF")
        answer = ask(appliance, "port 3 mtu 1400")
        assert "mtu is not changed yet: the PF does not answer; it stays asked for" in answer
        a, b, _ = [Station(appliance, 0, 0, "198.51.100.2", "198.51.100.1").introduce(),
                   Station(appliance, 1, 2, "192.0.2.2", "192.0.2.1").introduce(), None]
        a.send(b, 1)
        b.expect(1)
        must(appliance, "vf %s 1 link auto" % PF)
        until(appliance, all_up)
        assert "mtu            1400" in must(appliance, "show port 3")
        traffic_flows(appliance, count=1)


# Access port --------------------------------------------------------------------------------------


def test_a_vf_is_an_access_port():
    """Tagged on the wire, untagged here; others' frames are filtered by the chip, the untagged dropped."""
    with routed() as appliance:
        until(appliance, all_up)
        must(appliance, "port 2 vlan 100")
        link, mac = appliance.wires[1], mac_of(appliance, 2)
        ping = IP(src="192.0.2.9", dst="192.0.2.1") / ICMP(id=5) / Raw(bytes(40))
        station = bytes.fromhex("02000000b109")

        def tagged(vlan, packet, kind=b"\x08\x00", dst=None):
            dst = dst or bytes.fromhex(mac.replace(":", ""))
            return dst + station + b"\x81\x00" + vlan.to_bytes(2, "big") + kind + bytes(packet)

        arp = ARP(op=1, hwsrc="02:00:00:00:b1:09", psrc="192.0.2.9", pdst="192.0.2.1")
        link.send(tagged(100, arp, b"\x08\x06", b"\xff" * 6))
        reply = link.expect(lambda f: f[:6] == station)
        assert reply[12:16] == b"\x81\x00\x00\x64" and reply[16:18] == b"\x08\x06"
        link.send(tagged(100, ping))
        reply = link.expect(lambda f: f[:6] == station)
        assert reply[12:18] == b"\x81\x00\x00\x64\x08\x00"
        before = ports(appliance)[2]
        link.send(tagged(101, ping))
        link.send(Ether(src="02:00:00:00:b1:09", dst=mac) / ping)
        link.send(tagged(100, IP(src="192.0.2.9", dst="192.0.2.1") / ICMP(id=6) / Raw(b"marker".ljust(40))))
        assert [f for f in link.before(lambda f: f[:6] == station and b"marker" in f) if f[:6] == station] == []
        after = ports(appliance)[2]
        assert after["rx_packets"] == before["rx_packets"] + 2 and after["drops"]["vlan"] == 1
        must(appliance, "port 2 vlan 0")
        traffic_flows(appliance, count=1)


# VLANs as interfaces ------------------------------------------------------------------------------


def test_a_vlan_of_a_vf_is_an_interface():
    """The PF's filter is told, so that tagged frames come; a configuration names it by the VF's address."""
    with routed() as appliance:
        until(appliance, all_up)
        must(appliance, "interface add 2.100")
        must(appliance, "interface 2.100 address 10.100.0.1/24")
        link, mac, station = appliance.wires[1], mac_of(appliance, 2), "02:00:00:00:b1:09"
        head = Ether(src=station, dst=mac) / Dot1Q(vlan=100)
        link.send((bytes(Ether(src=station, dst=BROADCAST) / Dot1Q(vlan=100)
                         / ARP(op=1, hwsrc=station, psrc="10.100.0.9", pdst="10.100.0.1"))).ljust(64, b"\0"))
        reply = Ether(link.expect(lambda f: f[:6] == bytes.fromhex(station.replace(":", ""))))
        assert (reply[Dot1Q].vlan, reply[ARP].hwsrc) == (100, mac)
        link.send(head / IP(src="10.100.0.9", dst="10.100.0.1") / ICMP(id=5) / Raw(bytes(40)))
        reply = Ether(link.expect(lambda f: f[:6] == bytes.fromhex(station.replace(":", ""))))
        assert (reply[Dot1Q].vlan, reply[ICMP].type, reply[ICMP].id) == (100, 0, 5)
        config = must(appliance, "show config")
        assert re.search(r"^interface add 0000:01:1\d\.\d\.100$", config.replace("\r", ""), re.M), config
        name = re.search(r"interface add (\S+)\.100", config).group(1)
        must(appliance, "interface %s.100 down" % name[5:])
        must(appliance, "interface delete %s.100" % name)
        traffic_flows(appliance, count=1)
        check_law(stats(appliance))


# The PF goes, and comes back ------------------------------------------------------------------------


@pytest.mark.parametrize("fence", FENCES)
def test_the_pfs_port_goes_down_and_up(fence):
    """Its chip is reset: VFs are told, rest, and come back by themselves with all their settings."""
    with routed(fence) as appliance:
        until(appliance, all_up)
        must(appliance, "port 2 mac 02:00:00:00:22:22")
        for n in (0, 2, 3):
            must(appliance, "port %d mtu 4000" % n)
        traffic_flows(appliance, count=1, size=3900)
        for _ in range(3):
            must(appliance, "port 1 down")
            until(appliance, lambda p: all(p[n]["link"] == "down" for n in (1, 2, 3)))
            must(appliance, "port 1 up")
            until(appliance, all_up)
        assert mac_of(appliance, 2) == "02:00:00:00:22:22"
        traffic_flows(appliance, count=1, size=3900)
        says(appliance, "igbvf 0000:01:10.0: the PF is back after")
        check_law(stats(appliance))


def test_the_wire_flaps():
    """QMP set_link: VFs follow the wire, without a reset of theirs."""
    with routed() as appliance:
        until(appliance, all_up)
        traffic_flows(appliance, count=1)
        resets = re.findall(r"device resets +(\d+)", must(appliance, "show port 2"))
        for _ in range(3):
            appliance.monitor("set_link", name="net1", up=False)
            until(appliance, lambda p: all(p[n]["link"] == "down" for n in (1, 2, 3)))
            appliance.monitor("set_link", name="net1", up=True)
            until(appliance, all_up)
        traffic_flows(appliance, count=1)
        assert re.findall(r"device resets +(\d+)", must(appliance, "show port 2")) == resets


def test_vfs_go_and_come_while_frames_arrive():
    """Their numbers are given again, without what was set for those before."""
    with routed() as appliance:
        until(appliance, all_up)
        link = appliance.wires[1]
        addressed = re.compile(r"^port 0000:01:10.* address", re.M)
        assert len(addressed.findall(must(appliance, "show config"))) == 2
        for _ in range(2):
            macs = [mac_of(appliance, n) for n in (2, 3)]
            for n in range(20):
                link.send(*[Ether(src="02:00:00:00:b1:09", dst=mac) / IP(dst="198.51.100.2") / UDP() for mac in macs])
            must(appliance, "vf %s count 0" % PF)
            assert sorted(ports(appliance)) == [0, 1]
            must(appliance, "vf %s count 2" % PF)
            now = until(appliance, lambda p: len(p) == 4 and all_up(p))
            assert sorted(now) == [0, 1, 2, 3]
            assert len(addressed.findall(must(appliance, "show config"))) == 0
        must(appliance, "port 2 address 192.0.2.1/24")
        who = Station(appliance, 1, 2, "192.0.2.2", "192.0.2.1").introduce()
        assert who.router == mac_of(appliance, 2)


def test_statistics_of_a_vf_agree_with_ours():
    with routed() as appliance:
        until(appliance, all_up)
        traffic_flows(appliance, count=5)
        now = ports(appliance)[2]
        device = {name: int(value) for name, value in
                  re.findall(r"device (\w+) +(\d+)", must(appliance, "show port 2"))}
        assert device["VFGPRC"] >= now["rx_packets"] > 0
        assert device["VFGPTC"] >= now["tx_packets"] > 0
