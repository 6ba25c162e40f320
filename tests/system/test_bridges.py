"""Bridges as objects on the wire: apart from each other, with an address, and beside routed ports."""
import pytest

from addresses import ARP, BROADCAST, Ether, ICMP, IP, PORT, UDP, has, is_arp_request_for
from qemu import Appliance, check_law

# br1 is ports 0 and 1; port 2 is a LAN of its own.
BRIDGED = """\
bridge add br1
bridge br1 port 0
bridge br1 port 1
interface br1 address 192.0.2.1/24
port 2 address 198.51.100.1/24
forward %s
"""
US, THEM = "192.0.2.1", "198.51.100.1"
ANN, BEN, CARL = "02:00:00:00:0a:02", "02:00:00:00:0b:02", "02:00:00:00:0c:02"     # ports 0, 1, 2
ANN_IP, BEN_IP, CARL_IP = "192.0.2.2", "192.0.2.3", "198.51.100.2"


@pytest.fixture(scope="module")
def apart():
    """Ports 0 and 1 are br1, 2 and 3 what mode l2 makes of the rest."""
    with Appliance(nics=["virtio"] * 4,
                   config="bridge add br1\nbridge br1 port 0\nbridge br1 port 1\nforward l2\n") as appliance:
        yield appliance


@pytest.fixture(params=["l2", "l3"])
def addressed(request):
    with Appliance(nics=["virtio"] * 3, config=BRIDGED % request.param) as appliance:
        yield appliance, request.param


def frame(src, dst, text):
    return bytes(Ether(src=src, dst=dst, type=0x88b5) / text.ljust(60, b"."))


def only(wire, wanted):
    """The next frame is this one: nothing else came in front of it."""
    assert wire.receive() == wanted


def test_a_flood_stays_in_its_bridge(apart):
    wires = apart.wires
    one, two = frame(ANN, BROADCAST, b"in br1"), frame(CARL, BROADCAST, b"in br0")
    wires[0].send(one)
    only(wires[1], one)
    wires[2].send(two)
    only(wires[3], two)
    # What must not come would have come before these.
    end = frame(BEN, ANN, b"end")
    wires[1].send(end)
    only(wires[0], end)
    end = frame(BEN, CARL, b"end")
    wires[3].send(end)
    only(wires[2], end)
    check_law(apart.stats())


def test_a_port_changes_its_bridge_while_frames_flow(apart):
    wires = apart.wires
    sent = frame(ANN, BROADCAST, b"before")
    wires[0].send(sent)
    only(wires[1], sent)
    apart.must("bridge br1 no port 1")
    sent = frame(CARL, BROADCAST, b"now three")
    wires[2].send(sent)
    only(wires[3], sent)
    only(wires[1], sent)
    apart.must("bridge br1 port 1")
    sent = frame(BEN, ANN, b"and back")
    wires[1].send(sent)
    only(wires[0], sent)
    check_law(apart.stats())


def test_the_configuration_comes_back(apart):
    config = apart.must("show config")
    assert "bridge add br1\nbridge br1 port 0\nbridge br1 port 1\n" in config.replace("\r", "")
    with Appliance(nics=["virtio"] * 4, config=config) as again:
        assert again.must("show config") == config


def resolve(wire, mac, ip, gateway):
    """An answer to ARP, as a station hears it; returns the gateway's MAC."""
    wire.send(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=ip, pdst=gateway))
    return Ether(wire.expect(has(ARP, op=2, psrc=gateway)))[ARP].hwsrc


def ping(wire, mac, ip, to_mac, to_ip, identifier):
    wire.send(Ether(src=mac, dst=to_mac) / IP(src=ip, dst=to_ip) / ICMP(type=8, id=identifier) / b"ping")
    return Ether(wire.expect(has(ICMP, type=0, id=identifier)))


def test_a_bridge_with_an_address_answers(addressed):
    """In both modes, on each member, and its broadcasts are bridged all the same."""
    appliance, _ = addressed
    wires = appliance.wires
    assert resolve(wires[0], ANN, ANN_IP, US) == PORT[0]       # its first member's
    wires[1].expect(is_arp_request_for(US))
    assert ping(wires[0], ANN, ANN_IP, PORT[0], US, 1)[IP].src == US
    assert resolve(wires[1], BEN, BEN_IP, US) == PORT[0]
    assert ping(wires[1], BEN, BEN_IP, PORT[0], US, 2)[Ether].dst == BEN
    sent = frame(ANN, BEN, b"past it")
    wires[0].send(sent)
    wires[1].expect(lambda f: f == sent)
    interfaces = {i["interface"]: i for i in appliance.stats()["interfaces"]}
    assert interfaces["br1"]["rx_packets"] >= 4 and interfaces["br1"]["tx_packets"] >= 4
    check_law(appliance.stats())


def test_a_bridge_and_a_port_are_routed_in_l3_only(addressed):
    appliance, mode = addressed
    wires = appliance.wires
    gateway = resolve(wires[1], BEN, BEN_IP, US)
    if mode == "l2":     # port 2 is a member of br0: its address is kept, and not in effect
        wires[1].send(Ether(src=BEN, dst=gateway) / IP(src=BEN_IP, dst=CARL_IP) / UDP(sport=1, dport=9) / b"no")
        ping(wires[1], BEN, BEN_IP, gateway, US, 3)
        assert not any(b"no" in f for f in wires[2].drain(0))
        return
    resolve(wires[2], CARL, CARL_IP, THEM)
    wires[1].send(Ether(src=BEN, dst=gateway) / IP(src=BEN_IP, dst=CARL_IP) / UDP(sport=1, dport=9) / b"there")
    there = Ether(wires[2].expect(lambda f: b"there" in f))
    assert (there.src, there.dst, there[IP].ttl) == (PORT[2], CARL, 63)
    wires[2].send(Ether(src=CARL, dst=PORT[2]) / IP(src=CARL_IP, dst=BEN_IP) / UDP(sport=9, dport=1) / b"back")
    back = Ether(wires[1].expect(lambda f: b"back" in f))
    assert (back.src, back.dst, back[IP].ttl) == (gateway, BEN, 63)
    assert not any(b"back" in f for f in wires[0].drain(0))    # BEN is known to be behind port 1
    check_law(appliance.stats())


def test_mode_l2s_own_bridge_can_have_an_address():
    """br0 is there before anybody asks for it, answers as a station of its LAN, and comes back from show config."""
    with Appliance(nics=["virtio"] * 2, config="interface br0 address 192.0.2.1/24\nforward l2\n") as appliance:
        assert resolve(appliance.wires[1], BEN, BEN_IP, US) == PORT[0]
        assert ping(appliance.wires[1], BEN, BEN_IP, PORT[0], US, 4)[IP].dst == BEN_IP
        config = appliance.must("show config")
        assert config.replace("\r", "") == "interface br0 address 192.0.2.1/24\nforward l2\n"
        appliance.must("forward l3")    # its members leave, it stays: it is configuration
        assert "br0" in appliance.must("show bridges")
        config = appliance.must("show config")
    with Appliance(nics=["virtio"] * 2, config=config) as again:
        assert again.must("show config") == config
