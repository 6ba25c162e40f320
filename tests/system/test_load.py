"""Much traffic: nothing lost below the loss rate, everything accounted for above it."""
import threading

import pytest

from addresses import ROUTER
from qemu import Appliance, check_law, where_frames_went

CONFIG = {"l2": "forward l2\n", "l3": ROUTER, "io": "forward io\n", "macswap": "forward macswap\n"}
SIZES = "60,60,60,594,60,64,1514,60"


WAYS = ("a_to_b", "b_to_a")
BAD = ("lost", "duplicated", "reordered", "changed")


def unharmed(appliance, status, result):
    """Every frame arrived once, unchanged and in order; or else where they went."""
    if status == 0 and not any(result[way][what] for way in WAYS for what in BAD):
        return
    raise AssertionError("\n".join(
        ["status %d" % status] + ["%s: %s" % (way, result[way]) for way in WAYS]
        + ["the generator: %s" % {k: v for k, v in result.items() if k not in WAYS},
           where_frames_went(appliance.stats()), appliance.command("show neighbors")]))


@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_a_million_frames_arrive_unharmed(mode):
    """Half a million in either direction at once; --window keeps the load below the loss rate."""
    with Appliance(config=CONFIG[mode], plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "500000", "--sizes", SIZES)
        unharmed(appliance, status, result)
        stats = appliance.stats()
        assert sum(p["rx_packets"] for p in stats["ports"]) >= 1000000
        assert sum(p["tx_packets"] for p in stats["ports"]) >= 1000000
        check_law(stats)


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e", "igb", "vmxnet3"])
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_after_a_flood_every_frame_received_is_accounted_for(mode, nic):
    """Nobody takes what is sent, so transmit queues fill and frames must be dropped."""
    with Appliance(nics=[nic] * 2, config=CONFIG[mode], plugged=False) as appliance:
        status, result = appliance.traffic("flood", "--mode", mode, "--frames", "20000", "--deaf")
        stats = appliance.stats()
        assert status == 0 and not any(result[way][what] for way in WAYS for what in BAD if what != "lost"), (
            result, where_frames_went(stats))
        check_law(stats)
        lost = sum(result[way]["lost"] for way in WAYS)
        told = sum(p["rx_dropped"] + p["tx_dropped"] + p["rx_missed"] + p["rx_errors"] + p["tx_errors"]
                   for p in stats["ports"])
        assert lost > 0
        # QEMU's e1000s say "sent", keep 10,000 frames for a peer that is full, and lose the rest.
        assert lost <= told or nic != "virtio", (result, where_frames_went(stats))
        # Afterwards it is as good as new.
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "2000")
        unharmed(appliance, status, result)


def test_a_port_that_starts_anew_holds_up_nobody_else():
    """Each time its device is reset, which the driver waits for; two others carry a stream meanwhile."""
    with Appliance(nics=["virtio", "virtio", "igb"], config=CONFIG["io"], plugged=False) as appliance:
        done = {}
        stream = threading.Thread(target=lambda: done.update(
            result=appliance.traffic("blast", "--mode", "io", "--frames", "60000")))
        stream.start()
        rounds = 0
        while stream.is_alive() or not rounds:
            appliance.must("port 2 down")
            appliance.must("port 2 up")
            appliance.must("port 2 mtu %d" % (1500 if rounds % 2 else 9000))
            rounds += 1
        stream.join()
        unharmed(appliance, *done["result"])
        stats = appliance.stats()
        check_law(stats)
        assert stats["ports"][0]["tx_packets"] >= 60000 and stats["ports"][1]["tx_packets"] >= 60000
        assert not any(port[k] for port in stats["ports"][:2] for k in ("rx_dropped", "tx_dropped", "rx_missed"))
        assert "running" in appliance.must("show port 2")


def test_console_input_is_not_lost_during_a_flood():
    with Appliance(config=CONFIG["l2"], plugged=False) as appliance:
        done = {}
        flood = threading.Thread(target=lambda: done.update(
            result=appliance.traffic("flood", "--mode", "l2", "--frames", "50000")))
        flood.start()
        count = 0
        while flood.is_alive() or count < 20:
            text = "%d%s" % (count, "abcdefghijklmnopqrstuvwxyz" * 5)
            appliance.must("show version # " + text)        # echoed as typed, or it is not found
            count += 1
        flood.join()
        print(count, "commands during", done["result"])
        assert done["result"][0] == 0


def test_pasted_input_is_not_lost():
    """A hundred lines at once, as pasted into a terminal."""
    with Appliance() as appliance:
        appliance.type("".join("fdb add 02:00:00:00:01:%02x port 0\n" % n for n in range(100)))
        appliance.read_until(r"01:63 port 0\n.*?millrace> ")
        table = appliance.must("show fdb")
        assert all("02:00:00:00:01:%02x" % n in table for n in range(100))


def test_statistics_do_not_stop_traffic():
    with Appliance(config=CONFIG["l2"], plugged=False) as appliance:
        done = {}
        blast = threading.Thread(target=lambda: done.update(
            result=appliance.traffic("blast", "--mode", "l2", "--frames", "40000")))
        blast.start()
        while blast.is_alive():
            for what in ("stats", "ports", "log", "pci"):
                appliance.must("show " + what)
        blast.join()
        unharmed(appliance, *done["result"])


CHANGES = ("port 0 down", "port 0 up", "forward l3", "port 1 mtu 9000", "forward io", "port 0 mtu 9000",
           "stop", "start", "forward macswap", "port 0 promiscuous on", "forward rxonly", "forward l2",
           "port 1 down", "forward mac", "port 1 up", "port 1 mtu 1500", "port 0 promiscuous off",
           "forward txonly", "port 0 mtu 1500", "fdb add 02:00:00:00:00:55 port 1",
           "fdb delete 02:00:00:00:00:55", "start tx_first", "show stats json", "forward l2")

VLAN_CHANGES = ("port 0 vlan 5", "port 0 down", "port 1 vlan 5", "port 0 up", "port 0 vlan 0", "port 1 vlan 4094",
                "port 1 vlan 0")


@pytest.mark.parametrize("nic", ["virtio", "e1000", "e1000e", "igb", "vmxnet3"])
def test_everything_may_change_under_traffic(nic):
    """contract.md: modes switch live and ports go down and up; no frame escapes the counters."""
    with Appliance(nics=[nic] * 2, config=ROUTER, plugged=False) as appliance:
        done = threading.Event()

        def flood():
            while not done.is_set():
                appliance.traffic("flood", "--mode", "l2", "--frames", "20000")
        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            for _ in range(5):
                for line in CHANGES + VLAN_CHANGES:
                    appliance.must(line)
        finally:
            done.set()
            flooding.join()
        stats = appliance.stats()
        check_law(stats)
        assert all(p["rx_packets"] for p in stats["ports"])
        assert stats["held"] == 0 and "missing" not in appliance.command("show log")
