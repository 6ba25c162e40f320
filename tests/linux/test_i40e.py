"""The model of the X710 is accepted by Linux's own i40e, with not one access that the model calls
forbidden: two PFs, joined by the wire, one at each end; a second pair are XL710 and XXV710, a third X722s."""
import re

import pytest

import modelled

NEAR, FAR, XL710, XXV710, X722, X722_FAR = range(6)
NEAR_ADDRESS, FAR_ADDRESS = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def linux():
    """In the place of conftest's."""
    with modelled.Linux([("pf", ["-m", "1"]), ("pf", ["-m", "2", "-p", "1"]), ("pf", ["-c", "xl710", "-m", "3"]),
                         ("pf", ["-c", "xxv710", "-m", "4", "-p", "1"]), ("pf", ["-c", "x722", "-m", "5"]),
                         ("pf", ["-c", "x722", "-m", "6", "-p", "1"])], program="i40e_server") as machine:
        machine.part(NEAR_ADDRESS, FAR_ADDRESS)
        reach(machine)
        assert machine.violations() == [0] * 6, machine.story()
        machine.make_bulk()
        yield machine


def reach(linux, address=FAR_ADDRESS, more=""):
    linux.run("until ping -c 1 -W 1 %s %s; do :; done" % (more, address))


def resets(linux, number=NEAR):
    """Of the PF, the core and all of the chip, since the model began."""
    return [int(n) for n in linux.servers[number].ask("resets")[1:]]


def test_the_driver_takes_it(linux):
    log = linux.run("dmesg")
    assert re.search(r"i40e 0000:01:00.0: fw 9.120.73026 api 1.15 nvm 9.20 0x8000b5a0 0.0.0 \[8086:1572\]", log)
    assert "i40e 0000:01:00.0: MAC address: 02:07:10:90:00:01" in log
    assert re.search(r"i40e 0000:01:00.0 eth\d+: NIC Link is Up, 10 Gbps Full Duplex, Flow Control: None", log)
    assert re.search(r"i40e 0000:01:00.0: Features: PF-id\[0\] VFs: 64 VSIs: 66 QP: 2 RSS FD_ATR FD_SB NTUPLE DCB", log)
    assert re.search(r"i40e 0000:02:00.0: Features: PF-id\[1\]", log)
    assert linux.run("cat /sys/class/net/%s/speed" % linux.pf) == "10000"
    assert not re.search(r"i40e 0000.*(fail|error|warn|hang|timed out|unhandled|promiscuous)", log, re.I)


def test_bulk_tcp_both_ways(linux):
    linux.bulk(True, FAR_ADDRESS)
    linux.bulk(False, NEAR_ADDRESS)


def test_several_streams_use_several_queues(linux):
    linux.bulk(True, FAR_ADDRESS, streams=6)
    near, far = linux.statistics(linux.pf), linux.statistics(linux.vf, far=True)
    for queue in (0, 1):
        assert near["rx-%d.packets" % queue] > 0 and near["tx-%d.packets" % queue] > 0
        assert far["rx-%d.packets" % queue] > 0
    interrupts = linux.run("grep %s-TxRx /proc/interrupts" % linux.pf).splitlines()
    assert len(interrupts) == 2
    assert all(sum(map(int, re.findall(r"\b\d+\b", line.split(":")[1])[:2])) for line in interrupts)


def test_statistics_agree_with_the_wire(linux):
    """The counters begin shortly before they wrap, as they outlive resets of the PF."""
    linux.run("ping -c 3 " + FAR_ADDRESS)
    received, sent = map(int, linux.servers[NEAR].ask("frames")[1:])
    linux.until("[ $(%s | sed -n 's/^ *port.tx_unicast: //p') -ge %d ]"
                % (modelled.ETHTOOL + " -S " + linux.pf, 3))
    for _ in range(10):  # the driver collects one counter after the other, frames come in between
        near = linux.statistics(linux.pf)
        kinds = sum(near["port.rx_" + kind] for kind in ("unicast", "multicast", "broadcast"))
        sizes = sum(near["port.rx_size_" + n] for n in ("64", "127", "255", "511", "1023", "1522", "big"))
        if kinds == sizes:
            break
    assert kinds == sizes and 0 < kinds < 1 << 40
    assert near["port.rx_bytes"] > 64 * kinds and near["port.tx_bytes"] < 1 << 40
    assert near["port.rx_crc_errors"] == near["port.rx_discards"] == near["port.tx_dropped_link_down"] == 0
    assert near["rx_dropped"] == near["port.rx_oversize"] == 0
    assert received > 0 and sent > 0


def test_vlan(linux):
    linux.ip("link add link %s name vlan5 type vlan id 5" % linux.pf)
    linux.ip("-n far link add link %s name vlan5 type vlan id 5" % linux.vf)
    linux.ip("address add 198.51.100.1/24 dev vlan5")
    linux.ip("-n far address add 198.51.100.2/24 dev vlan5")
    linux.ip("link set vlan5 up")
    linux.ip("-n far link set vlan5 up")
    reach(linux, "198.51.100.2")
    linux.bulk(True, "198.51.100.2")
    linux.bulk(False, "198.51.100.1")
    linux.ip("link delete vlan5")
    linux.ip("-n far link delete vlan5")


def test_jumbo_frames(linux):
    linux.ip("link set %s mtu 9000" % linux.pf)
    linux.ip("-n far link set %s mtu 9000" % linux.vf)
    linux.both_up()
    reach(linux, more="-s 8900")
    linux.bulk(True, FAR_ADDRESS)
    linux.bulk(False, NEAR_ADDRESS)
    assert linux.statistics(linux.pf)["port.rx_size_big"] > 0


def test_link_goes_and_comes(linux):
    linux.servers[NEAR].link(False)
    linux.until("[ $(cat /sys/class/net/%s/operstate) = down ]" % linux.pf)
    linux.servers[FAR].link(False)
    linux.until("%s -n far link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.vf))
    for server in linux.servers[:2]:
        server.link(True)
    linux.both_up()
    reach(linux)


def test_stopped_started_and_negotiated_anew(linux):
    linux.ip("link set %s down" % linux.pf)
    linux.ip("link set %s up" % linux.pf)
    linux.run("%s -r %s" % (modelled.ETHTOOL, linux.pf))
    linux.both_up()
    reach(linux)
    linux.bulk(True, FAR_ADDRESS)


@pytest.mark.parametrize("kind,place", [("core", 1), ("global", 2)])
def test_resets_of_the_chip_are_survived(linux, kind, place):
    before = resets(linux)
    linux.servers[NEAR].ask("reset " + kind)
    linux.run("until dmesg | grep -q 'i40e 0000:01:00.0: .*PTP not supported'; do sleep 0.2; done")
    linux.both_up()
    reach(linux)
    linux.bulk(True, FAR_ADDRESS)
    assert resets(linux)[place] == before[place] + 1


def test_x722s(linux):
    """Whose words and spreading go by other ways."""
    near, far = (linux.netdev(modelled.bdf(number)) for number in (X722, X722_FAR))
    linux.ip("link set %s netns far" % far)
    linux.ip("address add 198.51.100.1/24 dev " + near)
    linux.ip("-n far address add 198.51.100.2/24 dev " + far)
    linux.ip("link set %s up" % near)
    linux.ip("-n far link set %s up" % far)
    reach(linux, "198.51.100.2")
    linux.bulk(True, "198.51.100.2", streams=6)
    linux.bulk(False, "198.51.100.1")
    assert re.search(r"i40e 0000:05:00.0: fw 9.120.73026 api 1.15 nvm 9.20 0x8000b5a0 0.0.0 \[8086:37d0\]", linux.run("dmesg"))


def test_an_xl710_and_an_xxv710(linux):
    forty, twenty_five = (linux.netdev(modelled.bdf(number)) for number in (XL710, XXV710))
    linux.ip("link set %s netns far" % twenty_five)
    linux.ip("address add 203.0.113.1/24 dev " + forty)
    linux.ip("-n far address add 203.0.113.2/24 dev " + twenty_five)
    linux.ip("link set %s up" % forty)
    linux.ip("-n far link set %s up" % twenty_five)
    reach(linux, "203.0.113.2")
    linux.bulk(True, "203.0.113.2")
    linux.bulk(False, "203.0.113.1")
    assert linux.run("cat /sys/class/net/%s/speed" % forty) == "40000"
    assert linux.run(linux.far("cat /sys/class/net/%s/speed" % twenty_five)) == "25000"
    log = linux.run("dmesg")
    assert re.search(r"NIC Link is Up, 25 Gbps Full Duplex, Requested FEC: CL108 RS-FEC, Negotiated FEC: CL108 RS-FEC", log)
