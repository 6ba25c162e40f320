"""virtio-net with several pairs of queues: a tap's in a namespace of the test's own."""
import pytest
from scapy.all import IP, TCP, UDP, Ether, Raw

import taps
from qemu import check_law

pytestmark = pytest.mark.skipif(not taps.available(), reason="no network namespace with a tap")

QUEUES = 4
NIC = "virtio-net-pci,disable-legacy=on,mq=on,vectors=0,"
STATIONS = 24


def flow(number, back=False):
    """An IPv4 frame of flow `number` between two stations, one way or back."""
    a, b = ("02:00:00:00:0a:01", "10.0.0.%d" % (number + 1), 1000 + number), ("02:00:00:00:0b:01", "10.0.1.1", 80)
    source, target = (b, a) if back else (a, b)
    layer = TCP if number % 2 else UDP
    return bytes(Ether(src=source[0], dst=target[0]) / IP(src=source[1], dst=target[1])
                 / layer(sport=source[2], dport=target[2]) / Raw(bytes(20)))


def used(appliance, port):
    """Packets received by each queue of a port."""
    text = appliance.command("show port %d" % port)
    return [int(line.split(",")[1].split()[0]) for line in text.splitlines() if line.strip().startswith("rx queue")]


@pytest.mark.parametrize("features", ["", "packed=on,", "rss=on,", "rss=on,hash=on,packed=on,", "in_order=on,"])
@pytest.mark.parametrize("fence", ["", "iommu_platform=on"])
def test_flows_over_several_queues(features, fence):
    """Every frame passes, in order within its flow, by more than one queue and both ways; with RSS
    both directions of a flow have one queue."""
    more = {"before": ["-device", "intel-iommu"], "append": "iommu=strict"} if fence else {}
    nic = (NIC + features + fence).rstrip(",")
    config = "port 0 queues %d\nport 1 queues %d\nforward io\n" % (QUEUES, QUEUES)
    with taps.TapAppliance([nic] * 2, QUEUES, config=config, extra=["-smp", "2"], **more) as appliance:
        sent = [flow(n) + bytes([i]) for i in range(8) for n in range(STATIONS)]
        back = [flow(n, True) + bytes([i]) for i in range(8) for n in range(STATIONS)]
        for frames, a, b in ((sent, 0, 1), (back, 1, 0)):
            seen = {}
            for frame in frames:
                appliance.wires[a].send(frame)
            for _ in frames:
                frame = appliance.wires[b].receive()
                seen.setdefault(frame[:-1], []).append(frame[-1])
            assert set(seen) == {frame[:-1] for frame in frames}
            assert all(numbers == list(range(8)) for numbers in seen.values())
        first, second = used(appliance, 0), used(appliance, 1)
        assert len(first) == len(second) == QUEUES
        assert sum(first) == sum(second) == len(sent)
        assert sum(n > 0 for n in first) > 1
        if "rss" in features:
            assert first == second      # the key is symmetric
        check_law(appliance.stats())
        assert appliance.command("port 0 queues 8").startswith("error: ")
        appliance.must("port 0 queues 1")
        appliance.wires[0].send(sent[0])
        assert appliance.wires[1].receive() == sent[0]


def test_the_standard_key():
    """rss=standard: the two directions have nothing to do with each other."""
    nic = NIC + "rss=on"
    config = "port 0 queues 4\nport 1 queues 4\nforward io\n"
    with taps.TapAppliance([nic] * 2, QUEUES, config=config, append="rss=standard") as appliance:
        for n in range(STATIONS):
            for wire, way in ((0, False), (1, True)):
                appliance.wires[wire].send(flow(n, way))
                assert appliance.wires[1 - wire].receive() == flow(n, way)
        assert used(appliance, 0) != used(appliance, 1)
