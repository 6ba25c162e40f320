"""VLANs and IPv6 on several workers: a mixed load, routed and bridged, in order and by the law of stats.h; with workers
that take flows of others' queues (docs/console.md, `spread`), and while much changes."""
import threading

import pytest

import mixed
from qemu import Appliance, check_law
from test_neighbor_floods import starve_nobody


@pytest.mark.parametrize("spread", ["off", "on"])
@pytest.mark.parametrize("nic", ["virtio", "igb", "e1000"])
def test_families_and_tags_at_once(nic, spread):
    config = "spread %s\n" % spread + mixed.CONFIG
    with Appliance(nics=[nic] * 4, config=config, extra=["-smp", "4"]) as appliance:
        mixed.flood(appliance, mixed.carry(appliance, rounds=20))
        mixed.carry(appliance, rounds=2, first=128)


CHANGES = ("interface add 1.77", "interface 1.77 address 2001:db8:77::1/64", "interface delete 1.77",
           "route add 2001:db8:f::/48 via 2001:db8:1::4", "route delete 2001:db8:f::/48",
           "bridge lan port 2 vlan 40 tagged", "bridge lan port 2 no vlan 40", "interface 0.20 mtu 1400",
           "interface 0.20 mtu 1500", "interface 0.10 advertise on", "interface 0.10 advertise off",
           "neighbor add 2001:db8:1::99 02:00:00:00:0d:99 port 1", "neighbor delete 2001:db8:1::99",
           "show routes", "show neighbors")


def test_much_changes_under_a_mixed_load():
    with Appliance(nics=["virtio"] * 4, config=mixed.CONFIG, extra=["-smp", "4"]) as appliance:
        flows = mixed.streams(0)
        mixed.introduce(appliance)
        done = threading.Event()

        def load():
            n = 0
            while not done.is_set():
                mixed.round_of(appliance, flows, 1, n)
                n += 1
        loading = threading.Thread(target=load)
        loading.start()
        try:
            for _ in range(4):
                for line in CHANGES:
                    appliance.must(line)
        finally:
            done.set()
            loading.join()
        check_law(appliance.settled(1, 3))
        mixed.carry(appliance, rounds=2, first=128)


def test_scans_and_lies_starve_nobody_who_is_known():
    starve_nobody("virtio", extra=["-smp", "4"])
