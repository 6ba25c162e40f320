"""IPv4, IPv6 and tags at once, routed and bridged, below the loss rate and above it (apps/forward/stats.h)."""
import pytest

import mixed
from qemu import Appliance


@pytest.mark.parametrize("nic", ["virtio", "igb"])
def test_families_and_tags_at_once(nic):
    with Appliance(nics=[nic] * 4, config=mixed.CONFIG) as appliance:
        mixed.flood(appliance, mixed.carry(appliance))
        mixed.carry(appliance, rounds=2, first=128)
