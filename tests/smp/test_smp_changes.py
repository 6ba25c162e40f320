"""Everything changes under traffic while several workers forward: no frame escapes the counters."""
import contextlib
import random
import threading

import pytest

from qemu import COMMAND_LIMIT, Appliance, check_law
from test_load import CHANGES, CONFIG, ROUTER, VLAN_CHANGES, unharmed
from test_sriov_vf import PF, ask

SMP = ["-smp", "4"]


@contextlib.contextmanager
def flood(appliance, mode):
    """Frames from both sides, more than can be forwarded, until the context ends."""
    done = threading.Event()

    def run():
        while not done.is_set() and appliance.process.poll() is None:
            try:
                appliance.traffic("flood", "--mode", mode, "--frames", "10000")
            except AssertionError:
                assert appliance.process.wait(COMMAND_LIMIT) == 0      # its wires are gone, as it is
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def at_rest(appliance):
    stats = appliance.settled(0)
    check_law(stats)
    assert "missing" not in appliance.command("show log")
    return stats


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e", "igb", "vmxnet3"])
def test_modes_and_ports(nic):
    with Appliance(nics=[nic] * 2, config=ROUTER, plugged=False, extra=SMP) as appliance:
        with flood(appliance, "l2"):
            for _ in range(2):
                for line in CHANGES + VLAN_CHANGES:
                    appliance.must(line)
        assert all(port["rx_packets"] for port in at_rest(appliance)["ports"])


def test_queues_move_and_flows_stay_in_order():
    dice = random.Random(1)
    with Appliance(config=CONFIG["l2"], plugged=False, extra=SMP) as appliance:
        done, moves = {}, 0
        while moves <= 10:
            blast = threading.Thread(target=lambda: done.update(
                result=appliance.traffic("blast", "--mode", "l2", "--frames", "40000")))
            blast.start()
            while blast.is_alive():
                appliance.must("port %d queue 0 core %d" % (dice.randrange(2), dice.randrange(4)))
                moves += 1
            blast.join()
            unharmed(appliance, *done["result"])
        at_rest(appliance)


def test_routes_and_neighbors_flap():
    lines = ("route add 198.18.0.0/15 via 192.0.2.2", "neighbor add 192.0.2.77 02:00:00:00:00:77 port 0",
             "route add 198.51.100.128/25 via 192.0.2.77", "route delete 198.51.100.128/25",
             "port 1 no address 198.51.100.1/24", "neighbor delete 192.0.2.77", "port 1 address 198.51.100.1/24",
             "route delete 198.18.0.0/15", "show routes", "show neighbors")
    with Appliance(config=ROUTER, plugged=False, extra=SMP) as appliance:
        with flood(appliance, "l3"):
            for _ in range(10):
                for line in lines:
                    appliance.must(line)
        at_rest(appliance)
        unharmed(appliance, *appliance.traffic("blast", "--mode", "l3", "--frames", "2000"))


def test_vfs_come_and_go():
    with Appliance(nics=["virtio", "igb"], config="forward l2\n", plugged=False, extra=SMP) as appliance:
        with flood(appliance, "l2"):
            for count in (2, 0, 7, 0, 1, 0):
                assert "error" not in ask(appliance, "vf %s count %d" % (PF, count))
                ask(appliance, "show cores")
        at_rest(appliance)
        unharmed(appliance, *appliance.traffic("blast", "--mode", "l2", "--frames", "2000"))


def test_the_console_answers_while_workers_are_saturated():
    with Appliance(config=CONFIG["l2"], plugged=False, extra=SMP) as appliance:
        with flood(appliance, "l2"):
            for n in range(100):
                appliance.must("show version # %d" % n)
        stats = at_rest(appliance)
        assert stats["cores"][0]["role"] == "control" and stats["cores"][0]["packets"] == 0


@pytest.mark.parametrize("how", ["reboot", "poweroff"])
def test_the_end_under_traffic(how):
    with Appliance(config=CONFIG["l2"], plugged=False, extra=SMP + ["-no-reboot"]) as appliance:
        with flood(appliance, "l2"):
            appliance.type(how + "\n")
            assert appliance.wait_exit() == 0
