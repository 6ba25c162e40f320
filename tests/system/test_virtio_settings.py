"""virtio-net: what the device is told and what it tells: filters, announcements, link, MTU."""
import time

import pytest
from scapy.all import ARP, Dot1Q, Ether

from addresses import ROUTER
from qemu import FRAME_LIMIT, Appliance, check_law

OURS, OTHER = "02:00:00:00:00:01", "02:00:00:00:77:77"


@pytest.fixture(scope="module", params=["virtio-net-pci", "virtio-net-pci,disable-legacy=on,packed=on"],
                ids=["split", "packed"])
def router(request):
    with Appliance(nics=[request.param] * 2, config=ROUTER + "interface add 0.100\n") as appliance:
        yield appliance
        check_law(appliance.stats())


def heard(appliance):
    return appliance.stats()["ports"][0]["rx_packets"]


def tagged(target, vlan):
    return bytes(Ether(dst=target, src="02:00:00:00:0a:05") / Dot1Q(vlan=vlan, type=0x88b5) / bytes(46))


def test_a_routed_port_hears_what_is_meant_for_it(router):
    """MAC and VLAN tables are the device's: strangers' frames, groups that nobody joined and a VLAN that
    is not wanted any more do not arrive at all.  (QEMU 8.1 to 10.0 begin with a full VLAN table.)"""
    router.must("interface add 0.200")
    router.must("interface delete 0.200")
    table = [row for row in router.monitor("query-rx-filter") if row["main-mac"] == OURS][0]
    assert not table["promiscuous"] and 100 in table["vlan-table"] and 200 not in table["vlan-table"]
    for wire in router.wires:
        wire.drain()
    before = heard(router)
    strange = [bytes(Ether(dst=target, src="02:00:00:00:0a:05", type=0x88b5)) + bytes(46)
               for target in (OTHER, "01:00:5e:00:00:99")]
    marks = [tagged(OURS, 100), tagged(OURS, 0)]
    router.wires[0].send(*strange, tagged(OURS, 200), tagged(OTHER, 100), *marks)
    router.settled(before + len(marks))
    assert heard(router) == before + len(marks)


def filters_become(router, condition):
    """What QEMU's device was told of port 0, once that is so: housekeeping tells it."""
    end = time.monotonic() + FRAME_LIMIT
    while True:
        table = [row for row in router.monitor("query-rx-filter") if row["main-mac"] == OURS][0]
        if condition(table):
            return table
        assert time.monotonic() < end, table


def test_further_addresses_are_in_the_device_s_table(router):
    """A VLAN's own and those of `mac_addr add`; more than there is room for are all."""
    router.must("interface 0.100 mac 02:00:00:00:55:55")
    router.must("mac_addr add 0 02:00:00:00:66:66")
    mine = {"02:00:00:00:55:55", "02:00:00:00:66:66"}
    table = filters_become(router, lambda t: set(t["unicast-table"]) == mine)
    assert not table["promiscuous"] and not table["unicast-overflow"]
    for wire in router.wires:
        wire.drain()
    before = heard(router)
    router.wires[0].send(tagged(OTHER, 100), tagged("02:00:00:00:55:55", 100), tagged("02:00:00:00:66:66", 100))
    router.settled(before + 2)
    assert heard(router) == before + 2
    for n in range(31):
        router.must("mac_addr add 0 02:00:00:00:67:%02x" % n)
    filters_become(router, lambda t: t["promiscuous"])
    for n in range(31):
        router.must("mac_addr remove 0 02:00:00:00:67:%02x" % n)
    filters_become(router, lambda t: set(t["unicast-table"]) == mine and not t["promiscuous"])


def test_an_announcement_is_made_when_asked_for(router):
    """virtio 1.2 5.1.6.5.4: gratuitous ARP of each address on the port's wire, and once for each time."""
    for wire in router.wires:
        wire.drain()
    router.monitor("announce-self", initial=50, max=100, rounds=1, step=10)
    router.read_until(r"port 0: was moved, its addresses are announced\n")
    said = router.wires[0].expect(lambda f: ARP in Ether(f) and Ether(f)[ARP].psrc == Ether(f)[ARP].pdst)
    assert Ether(said)[ARP].hwsrc == OURS and Ether(said).dst == "ff:ff:ff:ff:ff:ff"


def test_the_link_is_followed(router):
    router.monitor("set_link", name="net0", up=False)
    router.read_until(r"port 0: link down\n")
    router.monitor("set_link", name="net0", up=True)
    router.read_until(r"port 0: link up\n")
    router.wires[0].expect(lambda f: ARP in Ether(f) and Ether(f)[ARP].psrc == Ether(f)[ARP].pdst)


@pytest.mark.parametrize("more", ["", ",mrg_rxbuf=off", ",packed=on"])
def test_every_length_up_to_the_device_s_mtu(more):
    """host_mtu: that is where the port begins, by mergeable buffers and by large ones."""
    with Appliance(nics=["virtio-net-pci,disable-legacy=on,host_mtu=9000" + more] * 2, config="forward l2\n") as appliance:
        head = bytes.fromhex("ffffffffffff" "020000000a02" "88b5")
        for length in (14, 60, 64, 1514, 1518, 1522, 1900, 1908, 1909, 1920, 1921, 3840, 5000, 9014, 9018):
            frame = head + bytes(i & 0xff for i in range(length - 14))
            appliance.wires[0].send(frame)
            assert appliance.wires[1].receive() == frame.ljust(60, b"\0") or length < 60
        check_law(appliance.stats())
