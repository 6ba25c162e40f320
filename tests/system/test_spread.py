"""Ports with too few receive queues, spread in software over workers that have none (apps/forward/spread.h)."""
import re

import pytest

from qemu import Appliance, check_law
from test_load import CONFIG, SIZES, unharmed

FOUR = ["-smp", "4"]


def taken(stats):
    return [core["taken"] for core in stats["cores"]]


@pytest.mark.parametrize("mode,nic", [("l2", "virtio"), ("l3", "e1000")])
def test_flows_are_spread_and_stay_in_order(mode, nic):
    with Appliance(nics=[nic] * 2, config=CONFIG[mode] + "spread on\n", plugged=False, extra=FOUR) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "10000", "--sizes", SIZES)
        unharmed(appliance, status, result)
        stats = appliance.stats()
        check_law(stats)
        assert taken(stats)[3] > 2000 and taken(stats)[:3] == [0, 0, 0]     # 16 flows, two cores each
        assert "3     worker          rests" in (cores := appliance.must("show cores")) and "flows of other cores" in cores
        assert "spread on" in appliance.must("show config")
        appliance.must("spread off")
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "1000")
        unharmed(appliance, status, result)
        assert taken(appliance.stats()) == taken(stats)


def test_everything_changes_under_load():
    """Frames are lost where a port goes down; none is counted twice or never."""
    with Appliance(config=CONFIG["l2"], plugged=False, extra=FOUR) as appliance:
        with appliance.stream("--mode", "l2", "--rate", "2000") as result:
            for command in ("spread on", "port 0 queue 0 core 3", "forward io", "spread off", "forward l2", "spread on",
                            "port 1 down", "port 1 up", "stop", "start", "port 0 queue 0 core 1", "spread auto"):
                appliance.must(command)
                appliance.let_pass(50000)
        assert result["figures"]["a_to_b"]["received"] and not result["figures"]["a_to_b"]["reordered"]
        assert not result["figures"]["a_to_b"]["duplicated"] and not result["figures"]["b_to_a"]["reordered"]
        check_law(appliance.settled(1000))
        assert sum(taken(appliance.stats()))


def test_with_a_queue_for_every_core_nothing_is_passed_on():
    with Appliance(nics=["virtio"] * 3, config=CONFIG["l2"] + "spread on\n", extra=FOUR) as appliance:
        assert "flows of other cores" not in appliance.must("show cores")
        assert re.search(r"error:.*expected.*auto", appliance.command("spread much"))
