"""Much traffic over several workers: order within a flow, nothing lost below the loss rate, everything
accounted for above it (apps/forward/stats.h)."""
import pytest

from qemu import Appliance, check_law, where_frames_went
from test_load import BAD, CONFIG, SIZES, WAYS, unharmed

NICS = ["virtio", "e1000", "e1000e", "igb", "vmxnet3"]


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("nic", NICS)
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_frames_arrive_unharmed(mode, nic, count):
    with Appliance(nics=[nic] * 2, config=CONFIG[mode], plugged=False, extra=["-smp", str(count)]) as appliance:
        unharmed(appliance, *appliance.traffic("blast", "--mode", mode, "--frames", "30000", "--sizes", SIZES))
        check_law(appliance.stats())


@pytest.mark.parametrize("nic", NICS)
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_after_a_flood_every_frame_received_is_accounted_for(mode, nic):
    with Appliance(nics=[nic] * 2, config=CONFIG[mode], plugged=False, extra=["-smp", "4"]) as appliance:
        status, result = appliance.traffic("flood", "--mode", mode, "--frames", "20000", "--deaf")
        stats = appliance.settled(1)
        assert status == 0 and not any(result[way][what] for way in WAYS for what in BAD if what != "lost"), (
            result, where_frames_went(stats))
        check_law(stats)
        unharmed(appliance, *appliance.traffic("blast", "--mode", mode, "--frames", "2000"))


@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_lanes_keep_the_order(mode):
    """One worker receives all, two others send: every frame goes through a lane."""
    config = CONFIG[mode] + "port 0 queue 0 core 3\nport 1 queue 0 core 3\n"
    with Appliance(config=config, plugged=False, extra=["-smp", "4"]) as appliance:
        unharmed(appliance, *appliance.traffic("blast", "--mode", mode, "--frames", "50000", "--sizes", SIZES))
        stats = appliance.stats()
        check_law(stats)
        assert [core["packets"] > 0 for core in stats["cores"]] == [False, False, False, True]


def test_frames_that_are_made_on_several_cpus():
    """txonly: each worker with a transmit queue of its own sends, what comes back is consumed."""
    with Appliance(config="forward txonly\n", plugged=False, extra=["-smp", "4"]) as appliance:
        appliance.until(lambda stats: all(port["originated"] > 1000 for port in stats["ports"]))
        appliance.must("stop")
        check_law(appliance.settled(0))
