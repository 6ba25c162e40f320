"""Two VFs of one 82576 in one appliance, each in a VLAN of the administrator's: one wire, two LANs.

On q35, where SeaBIOS places the VFs' BARs.  QEMU's 82576 does not check sources; on hardware a
VF that sends frames of others (io, l2) needs `spoofchk off`, so it is set here as well.
"""
import itertools

import pytest

import guest
from guest import says, shows
from station import BROADCAST, ICMP, IP, Station

MACS = ["02:00:00:00:03:10", "02:00:00:00:03:11"]
VLANS = [100, 200]
ROUTER = "port 0 address 192.0.2.1/24\nport 1 address 198.51.100.1/24\nforward l3\n"
FOREIGN = "02:00:00:00:0c:01"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def pair(linux):
    for vf in (0, 1):
        linux.ip("link set %s vf %d mac %s vlan %d spoofchk off trust on"
                 % (linux.pf, vf, MACS[vf], VLANS[vf]))
    with guest.Guest(linux, [0, 1], config=ROUTER, machine="q35", firmware=None) as appliance:
        for number in (0, 1):
            shows(appliance, number, link="up", mac=MACS[number])
        yield appliance
    for vf in (0, 1):
        linux.ip("link set %s vf %d vlan 0 spoofchk on trust off" % (linux.pf, vf))


def fresh():
    """What no frame before has carried: late ones of an earlier case are not taken for it."""
    return (b"two LANs %d" % next(NUMBERS)).ljust(46, b".")


@pytest.fixture
def stations(linux):
    return [Station(linux.wire, "02:00:00:00:0a:02", "192.0.2.2", "192.0.2.1", vlan=100),
            Station(linux.wire, "02:00:00:00:0b:02", "198.51.100.2", "198.51.100.1", vlan=200)]


def test_routes_between_the_vlans(pair, stations):
    alice, bob = stations
    assert [alice.reaches(), bob.reaches()] == MACS
    request = IP(src=alice.ip, dst=bob.ip, ttl=9) / ICMP(id=8, seq=1) / fresh()
    alice.send(request, MACS[0])
    arrived = bob.receive(lambda p: ICMP in p and p[IP].dst == bob.ip, timeout=10)
    assert (arrived.src, arrived.dst, arrived[IP].ttl) == (MACS[1], bob.mac, 8)
    bob.send(IP(src=bob.ip, dst=alice.ip) / ICMP(type=0, id=8, seq=1) / fresh(), MACS[1])
    answered = alice.receive(lambda p: ICMP in p and p[IP].src == bob.ip, timeout=10)
    assert (answered.src, answered.dst) == (MACS[0], alice.mac)


def test_firmware_placed_the_vfs(pair):
    lines = [line for line in pair.command("show pci").splitlines() if "8086:10ca" in line]
    assert len(lines) == 2 and all("driver igbvf" in line and "unplaced" not in line for line in lines)


@pytest.mark.parametrize("way", [(0, 1), (1, 0)], ids=["100-200", "200-100"])
def test_io_passes_frames_on_as_they_are(pair, stations, way):
    pair.must("forward io")
    frame = stations[way[1]].gets(stations[way[0]], fresh(), src=FOREIGN)
    assert (frame.src, frame.dst) == (FOREIGN, BROADCAST)


@pytest.mark.parametrize("way", [(0, 1), (1, 0)], ids=["100-200", "200-100"])
def test_macswap_turns_the_addresses_round(pair, stations, way):
    pair.must("forward macswap")
    frame = stations[way[1]].gets(stations[way[0]], fresh(), dst=MACS[way[0]])
    assert (frame.src, frame.dst) == (MACS[way[0]], stations[way[0]].mac)


def test_rxonly_counts_and_sends_nothing(pair, stations):
    pair.must("forward rxonly")
    before, payload = pair.stats()["ports"][0], fresh()
    for n in range(20):
        stations[0].send(payload, MACS[0])
    guest.wait_for(lambda: pair.stats()["ports"][0]["rx_packets"] >= before["rx_packets"] + 20, "20 frames")
    assert pair.stats()["ports"][0]["tx_packets"] == before["tx_packets"]
    pair.must("forward io")             # what comes by the same way behind them arrives
    stations[1].gets(stations[0], fresh())
    assert not any(payload in bytes(p) for p in stations[1].seen if stations[1].is_here(p))


def test_l2_bridges_what_the_pf_lets_through_and_says_what_not(pair, stations):
    """Linux's igb gives a VF broadcast and group addresses, never other stations' frames."""
    pair.must("forward l2")
    for alice, bob in (stations, stations[::-1]):
        assert bob.gets(alice, fresh()).src == alice.mac
    says(pair, "the PF refused promiscuous mode: frames for stations behind this appliance do not arrive")
    assert stations[0].mac in pair.command("show fdb")
    refused = fresh()
    stations[1].send(refused, stations[0].mac)
    stations[0].gets(stations[1], fresh())
    assert not any(refused in bytes(p) for p in stations[0].seen if stations[0].is_here(p))


def test_no_device_touched_what_it_was_not_given(linux, pair):
    assert linux.faults() == []
