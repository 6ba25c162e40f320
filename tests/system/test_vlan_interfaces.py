"""VLANs of a port as interfaces (IEEE 802.1Q): routed between each other and to untagged ports."""
import pytest

from addresses import ARP, BROADCAST, Ether, ICMP, IP, PORT, UDP, has
from qemu import Appliance, check_law
from scapy.layers.l2 import Dot1Q

KINDS = ("virtio", "igb", "e1000")
STICK = """\
interface add 0.10
interface add 0.20
interface 0.10 address 10.10.0.1/24
interface 0.20 address 10.20.0.1/24
port 1 address 198.51.100.1/24
forward l3
"""
TEN, TWENTY, FAR = ("02:00:00:00:10:02", "10.10.0.2"), ("02:00:00:00:20:02", "10.20.0.2"), ("02:00:00:00:0b:02", "198.51.100.2")


def meet(wire, station, gateway, vid):
    """The router learns the station from its question; the answer has the tag."""
    mac, ip = station
    head = Ether(src=mac, dst=BROADCAST) / Dot1Q(vlan=vid) if vid else Ether(src=mac, dst=BROADCAST)
    wire.send((bytes(head / ARP(op=1, hwsrc=mac, psrc=ip, pdst=gateway))).ljust(64, b"\0"))
    answer = Ether(wire.expect(has(ARP, op=2, psrc=gateway)))
    assert (answer[Dot1Q].vlan if Dot1Q in answer else 0) == vid


@pytest.mark.parametrize("nic", KINDS)
def test_router_on_a_stick(nic):
    with Appliance(nics=[nic] * 2, config=STICK) as appliance:
        stick, other = appliance.wires
        meet(stick, TEN, "10.10.0.1", 10)
        meet(stick, TWENTY, "10.20.0.1", 20)
        meet(other, FAR, "198.51.100.1", 0)
        for n, size in enumerate((10, 500, 1472)):      # an MTU counts without the tag
            packet = IP(src=TEN[1], dst=TWENTY[1], flags="DF") / UDP(sport=n, dport=9) / bytes(size)
            stick.send(Ether(src=TEN[0], dst=PORT[0]) / Dot1Q(vlan=10, prio=n) / packet)
            got = Ether(stick.expect(has(UDP, sport=n)))
            assert (got.dst, got.src, got[Dot1Q].vlan, got[Dot1Q].prio) == (TWENTY[0], PORT[0], 20, 0)
            assert got[IP].ttl == 63 and got[UDP].len == 8 + size
            packet = IP(src=TWENTY[1], dst=FAR[1]) / UDP(sport=n, dport=9) / bytes(size)
            stick.send(Ether(src=TWENTY[0], dst=PORT[0]) / Dot1Q(vlan=20) / packet)
            got = Ether(other.expect(has(UDP, sport=n)))
            assert got.dst == FAR[0] and Dot1Q not in got and got[UDP].len == 8 + size
            packet = IP(src=FAR[1], dst=TEN[1]) / UDP(sport=n, dport=9) / bytes(size)
            other.send(Ether(src=FAR[0], dst=PORT[1]) / packet)
            got = Ether(stick.expect(has(UDP, sport=n, dport=9)))
            assert (got.dst, got[Dot1Q].vlan) == (TEN[0], 10)
        # the appliance itself, and what is nobody's VLAN
        stick.send(Ether(src=TEN[0], dst=PORT[0]) / Dot1Q(vlan=10) / IP(src=TEN[1], dst="10.10.0.1") / ICMP(id=7) / b"ping")
        assert Ether(stick.expect(has(ICMP, type=0, id=7)))[Dot1Q].vlan == 10
        stick.send(Ether(src=TEN[0], dst=PORT[0]) / Dot1Q(vlan=99) / IP(src=TEN[1], dst=FAR[1]) / UDP() / bytes(20),
                   Ether(src=TEN[0], dst=PORT[0]) / Dot1Q(vlan=10) / IP(src=TEN[1], dst="203.0.113.9") / UDP() / bytes(20))
        assert Ether(stick.expect(has(ICMP, type=3)))[Dot1Q].vlan == 10
        stats = appliance.stats()
        check_law(stats)
        assert stats["ports"][0]["drops"].get("vlan", 0) == (0 if appliance.filters_vlans() else 1)
        interfaces = {i["interface"]: i for i in stats["interfaces"]}
        assert interfaces["0.10"]["rx_packets"] == 6 and interfaces["0.20"]["rx_packets"] == 4
        assert interfaces["0.10"]["drops"] == {"no_route": 1}
        config = appliance.must("show config")
        assert "interface add 0.10\n" in config.replace("\r", "")
        appliance.must("interface 0.20 down")
        assert "down" in appliance.must("show interface 0.20")
        appliance.must("interface delete 0.20")
        assert "'0.20'" in appliance.command("interface 0.20 up")
