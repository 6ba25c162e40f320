"""The model of a VF of Intel's since the 40 Gb/s chips is accepted by Linux's iavf, twice: one behind
a played PF that serves it as i40e does, in the guest's own network namespace; at the other end of the
cable, in `far`, one whose PF serves it as ice does.  Not one access or message is forbidden."""
import re

import pytest

import modelled

I40E, ICE = range(2)
NEAR, FAR = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def linux():
    with modelled.Linux([("vf", ["-c", "i40e", "-m", "1", "-q", "2"]),
                         ("vf", ["-c", "ice", "-m", "2", "-q", "4"])], program="iavf_server") as machine:
        machine.part(NEAR, FAR)
        assert machine.violations() == [0] * 2, machine.story()
        machine.make_bulk()
        yield machine


def reached(linux, address, size=56):
    linux.run("until ping -c 1 -W 1 -s %d %s; do :; done" % (size, address))


def test_it_is_taken_behind_either_pf(linux):
    log = linux.run("dmesg")
    assert re.search(r"iavf 0000:01:00.0: Multiqueue Enabled: Queue pair count = 2", log)
    assert re.search(r"iavf 0000:02:00.0: Multiqueue Enabled: Queue pair count = 2", log)  # one a CPU
    assert "02:82:59:90:00:01" in linux.run("cat /sys/class/net/%s/address" % linux.pf)
    assert "02:82:59:90:00:02" in linux.ip("-n far link show " + linux.vf)
    assert linux.run("cat /sys/class/net/%s/speed" % linux.pf) == "40000"
    assert not re.search(r"iavf.*(fail|error|warn|hang|never)", log, re.I)


def test_bulk_tcp_both_ways(linux):
    linux.bulk(True, FAR)
    linux.bulk(False, NEAR)


def test_several_streams_use_several_queues(linux):
    linux.bulk(True, FAR, streams=6)
    for counts in (linux.statistics(linux.pf), linux.statistics(linux.vf, far=True)):
        assert all(counts["rx-%d.packets" % queue] > 0 for queue in (0, 1)), counts
        assert all(counts["tx-%d.packets" % queue] > 0 for queue in (0, 1)), counts


def test_vlan(linux):
    for address, where in (("198.51.100.1", linux.pf), ("198.51.100.2", linux.vf)):
        far = "-n far " if where == linux.vf else ""
        linux.ip("%slink add link %s name vlan5 type vlan id 5" % (far, where))
        linux.ip("%saddress add %s/24 dev vlan5" % (far, address))
        linux.ip("%slink set vlan5 up" % far)
    reached(linux, "198.51.100.2")
    linux.bulk(True, "198.51.100.2")
    linux.bulk(False, "198.51.100.1")
    linux.ip("link delete vlan5")
    linux.ip("-n far link delete vlan5")
    assert linux.servers[I40E].ask("seen 12") == ["seen", "1"]  # ADD_VLAN
    assert linux.servers[ICE].ask("seen 52") == ["seen", "1"]   # ADD_VLAN_V2


def test_jumbo_frames(linux):
    linux.ip("link set %s mtu 9000" % linux.pf)
    linux.ip("-n far link set %s mtu 9000" % linux.vf)
    linux.both_up()
    reached(linux, FAR, 8900)
    linux.bulk(True, FAR)
    linux.bulk(False, NEAR)


def test_link_goes_and_comes(linux):
    linux.servers[I40E].link(False)
    linux.until("[ $(cat /sys/class/net/%s/operstate) = down ]" % linux.pf)
    linux.servers[ICE].link(False)
    linux.until("%s -n far link show %s | grep -q NO-CARRIER" % (modelled.IP, linux.vf))
    for server in linux.servers:
        server.link(True)
    linux.both_up()
    reached(linux, FAR)


def test_the_pf_resets_its_vf(linux):
    for server in linux.servers:
        before = int(server.ask("seen 3")[1])  # GET_VF_RESOURCES
        server.ask("reset")
        modelled.guest.wait_for(lambda: int(server.ask("seen 3")[1]) > before, "its new beginning")
    linux.both_up()
    reached(linux, FAR)
    linux.bulk(True, FAR)


def test_stopped_and_started(linux):
    linux.ip("link set %s down" % linux.pf)
    linux.ip("link set %s up" % linux.pf)
    linux.both_up()
    reached(linux, FAR)
    linux.bulk(False, NEAR)
