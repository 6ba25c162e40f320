"""The model of the 82599 is accepted by Linux's own drivers: ixgbe on the PF, ixgbevf on the VF, with
not one access that the model calls forbidden."""
import re

import modelled
from conftest import KX4, PF, PF_ADDRESS, VF, VF_ADDRESS, X540


def test_both_drivers_take_it(linux):
    log = linux.run("dmesg")
    assert re.search(r"ixgbe 0000:01:00.0: Intel\(R\) 10 Gigabit Network Connection", log)
    assert re.search(r"ixgbe 0000:01:00.0: MAC: 2, PHY: \d+, SFP\+: 5, PBA No: E12345-001", log)
    assert re.search(r"ixgbe 0000:01:00.0: Multiqueue Enabled: Rx Queue count = 2, Tx Queue count = 2", log)
    assert "02:82:59:90:00:01" in linux.run("cat /sys/class/net/%s/address" % linux.pf)
    assert "02:82:59:90:00:02" in linux.ip("-n far link show " + linux.vf)
    assert linux.run("cat /sys/class/net/%s/speed" % linux.pf) == "10000"
    assert not re.search(r"ixgbe.*(fail|error|warn|hang)", log, re.I)


def test_bulk_tcp_both_ways(linux):
    linux.bulk(True, VF_ADDRESS)
    linux.bulk(False, PF_ADDRESS)


def test_several_streams_use_several_queues(linux):
    linux.bulk(True, VF_ADDRESS, streams=6)
    pf, vf = linux.statistics(linux.pf), linux.statistics(linux.vf, far=True)
    for queue in (0, 1):
        assert pf["rx_queue_%d_packets" % queue] > 0 and pf["tx_queue_%d_packets" % queue] > 0
    assert sum(vf["rx_queue_%d_packets" % queue] for queue in (0, 1)) > 0
    interrupts = linux.run("grep %s-TxRx /proc/interrupts" % linux.pf).splitlines()
    assert len(interrupts) == 2 and all(sum(map(int, re.findall(r"\b\d+\b", line.split(":")[1])[:2])) for line in interrupts)


def test_statistics_agree_with_the_wire(linux):
    linux.run("ping -c 3 " + VF_ADDRESS)
    received, sent = map(int, linux.servers[PF].ask("frames")[1:])
    linux.until("[ $(%s | sed -n 's/^ *rx_packets: //p') -ge %d ]" % (modelled.ETHTOOL + " -S " + linux.pf, 3))
    pf = linux.statistics(linux.pf)
    assert pf["tx_pkts_nic"] >= sent
    assert 0 <= pf["rx_missed_errors"] == pf["rx_no_dma_resources"] == pf["rx_crc_errors"]
    assert pf["rx_csum_offload_errors"] == 0
    assert received > 0


def test_vlan(linux):
    linux.ip("link add link %s name vlan5 type vlan id 5" % linux.pf)
    linux.ip("-n far link add link %s name vlan5 type vlan id 5" % linux.vf)
    linux.ip("address add 198.51.100.1/24 dev vlan5")
    linux.ip("-n far address add 198.51.100.2/24 dev vlan5")
    linux.ip("link set vlan5 up")
    linux.ip("-n far link set vlan5 up")
    linux.run("until ping -c 1 -W 1 198.51.100.2; do :; done")
    linux.bulk(True, "198.51.100.2")
    linux.bulk(False, "198.51.100.1")
    linux.ip("link delete vlan5")
    linux.ip("-n far link delete vlan5")


def test_jumbo_frames(linux):
    linux.ip("link set %s mtu 9000" % linux.pf)
    linux.ip("-n far link set %s mtu 9000" % linux.vf)
    linux.both_up()
    linux.run("until ping -c 1 -W 1 -s 8900 %s; do :; done" % VF_ADDRESS)
    linux.bulk(True, VF_ADDRESS)
    linux.bulk(False, PF_ADDRESS)
    assert linux.statistics(linux.pf)["rx_long_length_errors"] == 0


def test_link_goes_and_comes(linux):
    linux.servers[PF].link(False)
    linux.until("[ $(cat /sys/class/net/%s/operstate) = down ]" % linux.pf)
    linux.servers[VF].link(False)
    linux.until("%s -n far link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.vf))
    for server in linux.servers:
        server.link(True)
    linux.both_up()
    linux.run("until ping -c 1 -W 1 %s; do :; done" % VF_ADDRESS)


def test_stopped_reset_and_reloaded(linux):
    linux.ip("link set %s down" % linux.pf)
    linux.ip("link set %s up" % linux.pf)
    linux.run("%s -r %s" % (modelled.ETHTOOL, linux.pf))
    linux.both_up()
    linux.run("until ping -c 1 -W 1 %s; do :; done" % VF_ADDRESS)
    linux.bulk(True, VF_ADDRESS)


def test_an_x540_and_a_backplane(linux):
    x540, kx4 = (linux.netdev(modelled.bdf(number)) for number in (X540, KX4))
    linux.ip("link set %s netns far" % kx4)
    linux.ip("address add 203.0.113.1/24 dev " + x540)
    linux.ip("-n far address add 203.0.113.2/24 dev " + kx4)
    linux.ip("link set %s up" % x540)
    linux.ip("-n far link set %s up" % kx4)
    linux.run("until ping -c 1 -W 1 203.0.113.2; do :; done")
    linux.bulk(True, "203.0.113.2")
    linux.bulk(False, "203.0.113.1")
    assert linux.run("cat /sys/class/net/%s/speed" % x540) == "10000"
