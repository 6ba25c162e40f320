"""Linux at both ends (linux_peer.py): hosts that configure themselves from our advertisements."""
import re

import pytest

from linux_peer import LinuxPeer, needed
from qemu import Appliance, check_law

pytestmark = needed

CONFIG = """\
port 0 address 2001:db8:a::1/64
port 1 address 2001:db8:b::1/64
interface 0 advertise dns 2001:db8:a::53
interface 0 advertise on
interface 1 advertise on
forward l3
"""
MACS = ["02:00:00:00:0a:0a", "02:00:00:00:0b:0b"]
ADDRESSES = ["2001:db8:a::ff:fe00:a0a", "2001:db8:b::ff:fe00:b0b"]
LINK_LOCAL = "fe80::ff:fe00:b0b"


@pytest.fixture(scope="module", params=["virtio", "igb", "e1000"])
def lab(request):
    with Appliance(nics=[request.param] * 2, config=CONFIG) as router:
        with LinuxPeer(router.wires[0], MACS[0]) as a, LinuxPeer(router.wires[1], MACS[1]) as b:
            for host, address in zip((a, b), ADDRESSES):
                host.wait_for(lambda text: address in text and "tentative" not in text,
                              "ip", "-6", "addr", "show", "dev", "tap0", "scope", "global")
                host.wait_for(lambda text: "default via fe80::" in text, "ip", "-6", "route", "show")
            yield router, a, b
        check_law(router.stats())


def test_hosts_configure_themselves(lab):
    """RFC 4861 6.2.3: the prefix on the link, this router, its hop limit."""
    router, a, _ = lab
    routes = a.run("ip", "-6", "route", "show")
    assert re.search(r"^2001:db8:a::/64 dev tap0 proto kernel .*expires", routes, re.M), routes
    assert re.search(r"^default via fe80::ff:fe00:1 dev tap0 proto ra .*expires 1[78]\d\dsec hoplimit 64", routes, re.M), routes


def test_hosts_reach_each_other(lab):
    _, a, b = lab
    assert a.ping(ADDRESSES[1])[:2] == [ADDRESSES[1], 129]
    assert b.ping(ADDRESSES[0], size=1400)[:2] == [ADDRESSES[0], 129]
    assert b.ping(ADDRESSES[0], size=4000)[:2] == [ADDRESSES[0], 129]       # its pieces pass


def test_hosts_reach_the_router(lab):
    """Pieces to us are joined, and what we answer comes in pieces."""
    _, a, _ = lab
    for address in ("2001:db8:a::1", "2001:db8:b::1", "2001:db8:a::"):
        assert a.ping(address)[1] == 129
    assert a.ping("2001:db8:a::1", size=4000)[1] == 129


def test_traceroute_through_us(lab):
    _, a, _ = lab
    assert a.ping(ADDRESSES[1], hops=1) == ["2001:db8:a::1", 3, 0]
    assert a.ping(ADDRESSES[1], hops=2) == [ADDRESSES[1], 129, 0]


def test_errors_that_linux_understands(lab):
    _, a, _ = lab
    assert a.ping("2001:db8:77::1") == ["2001:db8:a::1", 1, 0]
    assert a.ping("2001:db8:b::99", tries=8) == ["2001:db8:a::1", 1, 3]


def test_we_ping_and_trace(lab):
    router, _, _ = lab
    assert "2 sent, 2 received" in router.must("ping %s count 2" % ADDRESSES[0])
    assert "1 sent, 1 received" in router.must("ping %s count 1 size 1472" % ADDRESSES[0])
    assert "1 sent, 1 received" in router.must("ping %s interface 1 count 1" % LINK_LOCAL)
    assert re.search(r"^ 1  %s " % ADDRESSES[1], router.must("traceroute %s" % ADDRESSES[1]), re.M)


def test_way_gets_narrower(lab):
    """unread: RFC 8201: Linux cuts what we said is too big."""
    router, a, _ = lab
    router.must("port 1 mtu 1400")
    assert a.ping(ADDRESSES[1], size=1440) == ["2001:db8:a::1", 2, 0]
    assert a.ping(ADDRESSES[1], size=1440)[:2] == [ADDRESSES[1], 129]
    assert "mtu 1400" in a.run("ip", "-6", "route", "get", ADDRESSES[1])
    router.must("port 1 mtu 1500")


def test_gateway_by_its_link_local_address(lab):
    router, a, b = lab
    b.run("ip", "-6", "addr", "add", "2001:db8:c::5/128", "dev", "lo")
    router.must("route add 2001:db8:c::/64 via %s interface 1" % LINK_LOCAL)
    assert a.ping("2001:db8:c::5")[:2] == ["2001:db8:c::5", 129]
    router.must("route delete 2001:db8:c::/64")


def test_duplicate_is_found_by_linux(lab):
    """We answer for what is ours: Linux does not take it."""
    _, a, _ = lab
    a.run("ip", "-6", "addr", "add", "2001:db8:a::1/64", "dev", "tap0")
    a.wait_for(lambda text: "dadfailed" in text, "ip", "-6", "addr", "show", "dev", "tap0")
    a.run("ip", "-6", "addr", "del", "2001:db8:a::1/64", "dev", "tap0")


def test_duplicate_is_found_by_us(lab):
    router, a, _ = lab
    a.run("ip", "-6", "addr", "add", "2001:db8:d::7/64", "dev", "tap0", "nodad")
    router.must("port 0 address 2001:db8:d::7/64")
    router.let_pass(1500000)
    assert "2001:db8:d::7/64 (duplicate)" in router.must("show interfaces")
    router.must("port 0 no address 2001:db8:d::7/64")


def test_last_advertisement_ends_the_default_route(lab):
    """RFC 4861 6.2.5.  The last test: the host has no router afterwards."""
    router, a, _ = lab
    router.must("interface 0 advertise off")
    a.wait_for(lambda text: "default" not in text, "ip", "-6", "route", "show")
