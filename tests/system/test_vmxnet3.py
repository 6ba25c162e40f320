"""The vmxnet3 port over QEMU's own device: revision 1, frames received by queue 0 only."""
import re
import time

import pytest

from addresses import ROUTER
from qemu import COMMAND_LIMIT, Appliance, check_law
from test_e1000 import BROADCAST, device_counters, frame, tagged

CONFIG = {"l2": "forward l2\n", "l3": ROUTER}
ROOT_PORTS = ["-device", "pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1,chassis=2"]
PLACES = {
    "root-ports": dict(nics=["vmxnet3,bus=rp0", "vmxnet3,bus=rp1"], before=ROOT_PORTS),
    "pc": dict(nics=["vmxnet3", "vmxnet3"], machine="pc"),
    "pc-uefi": dict(nics=["vmxnet3", "vmxnet3"], machine="q35", boot="efi"),
    "conventional": dict(nics=["vmxnet3,x-disable-pcie=on", "vmxnet3,x-old-msi-offsets=on"]),
    "with-virtio": dict(nics=["virtio", "vmxnet3"]),
    "with-e1000e": dict(nics=["vmxnet3", "e1000e"]),
}


@pytest.mark.parametrize("mode", CONFIG)
@pytest.mark.parametrize("place", PLACES)
def test_forwards_wherever_it_sits(place, mode):
    with Appliance(config=CONFIG[mode], plugged=False, **PLACES[place]) as appliance:
        status, result = appliance.traffic("blast", "--mode", mode, "--frames", "3000",
                                           "--sizes", "60,64,65,590,1513,1514")
        assert status == 0, result
        check_law(appliance.stats())
        assert not re.search(r"vmxnet3 .*(expected|refused)", appliance.must("show log"))


def test_what_it_shows_of_itself():
    with Appliance(nics=["vmxnet3"] * 2) as appliance:
        assert [p["mac"] for p in appliance.stats()["ports"]] == ["02:00:00:00:00:01", "02:00:00:00:00:02"]
        shown = appliance.must("show port 0")
        assert "vmxnet3" in shown and "up, 1000 Mbit/s, full duplex" in shown and "running" in shown
        assert "vmxnet3" in appliance.must("show pci")


def test_long_frames_travel_in_chains():
    """Around every seam of buffers of 1920 octets: ring 0 has the first, ring 1 the others."""
    config = "port 0 mtu 9000\nport 1 mtu 9000\nforward l2\n"
    sizes = [60, 1514, 1919, 1920, 1921, 3839, 3840, 3841, 5760, 5761, 7680, 7681, 9014, 9018, 9021, 9022]
    with Appliance(nics=["vmxnet3"] * 2, config=config) as appliance:
        for n in range(600):            # both rings go round
            size = sizes[n % len(sizes)]
            sent = frame(size, n)
            appliance.wires[n % 2].send(sent)
            assert appliance.wires[1 - n % 2].receive() == sent, (n, size)
        ports = appliance.stats()["ports"]
        assert sum(p["rx_packets"] for p in ports) == 600
        assert all(p["rx_errors"] == p["rx_missed"] == 0 for p in ports)
        assert "expected 68 to 9000" in appliance.command("port 0 mtu 9001")


def test_long_frames_come_and_go_with_the_mtu():
    """A frame that is too long is counted, not forwarded; nothing starts anew between."""
    with Appliance(nics=["vmxnet3"] * 2, config="forward l2\n") as appliance:
        a, b = appliance.wires
        for n, (mtu, size) in enumerate([(1500, 1522), (9000, 9018), (1500, 1518), (4000, 4018), (1500, 1514)]):
            appliance.must("port 0 mtu %d" % mtu)
            appliance.must("port 1 mtu %d" % mtu)
            sent = frame(size, mtu & 255)
            a.send(sent)
            assert b.receive() == sent
            a.send(frame(size + 600))
            a.send(frame(64, 9))
            assert b.receive() == frame(64, 9)
            port = appliance.settled(2 * n + 2)["ports"][0]
            assert (port["rx_errors"], port["rx_missed"]) == (n + 1, 0)
            assert port["rx_packets"] == 2 * n + 2


def test_device_counters_agree_with_ours():
    """Frames and octets without FCS; they begin anew with each start of the port, ours do not."""
    with Appliance(nics=["vmxnet3"] * 2, config="forward l2\n") as appliance:
        for round_ in range(1, 4):
            for n in range(50):
                appliance.wires[0].send(frame(60 + n, n))
                assert appliance.wires[1].receive() == frame(60 + n, n)
            octets = round_ * sum(60 + n for n in range(50))
            received, sent = device_counters(appliance, 0), device_counters(appliance, 1)
            assert (received["bcastPktsRxOK"], received["bcastBytesRxOK"]) == (50 * round_, octets)
            assert (sent["bcastPktsTxOK"], sent["bcastBytesTxOK"]) == (50 * round_, octets)
            for port in range(2):
                appliance.must("port %d down" % port)
                appliance.must("port %d up" % port)
        check_law(appliance.stats())


def test_filters_follow_the_mode():
    """l2 listens to all; a router to its own address, to groups it wants, and to its VLAN only."""
    config = "port 0 address 192.0.2.1/24\nforward l3\n"
    mine, other = bytes.fromhex("020000000001"), bytes.fromhex("020000000077")
    with Appliance(nics=["vmxnet3"] * 2, config=config) as appliance:
        def reaches(sent, marker=frame(64, dst=BROADCAST)):
            before = appliance.stats()["ports"][0]["rx_packets"]
            appliance.wires[0].send(sent, marker)
            return appliance.settled(before + 1)["ports"][0]["rx_packets"] - before == 2
        assert reaches(frame(64, dst=mine)) and not reaches(frame(64, dst=other))
        assert not reaches(tagged(frame(64, dst=mine), 5))
        assert reaches(tagged(frame(64, dst=mine), 0, priority=3))
        assert not reaches(frame(64, dst=bytes.fromhex("01005e000005")))
        appliance.must("port 0 mac 02:00:00:00:00:77")
        assert reaches(frame(64, dst=other)) and not reaches(frame(64, dst=mine))
        appliance.must("port 0 vlan 5")
        assert reaches(tagged(frame(64, dst=other), 5), marker=tagged(frame(64, dst=BROADCAST), 5))
        assert not reaches(tagged(frame(64, dst=other), 6), marker=tagged(frame(64, dst=BROADCAST), 5))
        appliance.must("port 0 vlan 0")
        appliance.must("forward l2")
        assert all(reaches(sent) for sent in (frame(64, dst=mine), frame(64, dst=other),
                                              tagged(frame(64, dst=mine), 5)))


def test_cable():
    """An event in memory tells of QEMU's set_link, also of a port that was down meanwhile."""
    with Appliance(nics=["vmxnet3"] * 2, config="forward l2\n") as appliance:
        def wait_for(text, times):
            end = time.monotonic() + COMMAND_LIMIT
            while appliance.transcript.count(text) < times:
                assert time.monotonic() < end, text
                appliance.read_some()
            appliance.seen = len(appliance.transcript)
        for n in range(4):
            appliance.monitor("set_link", name="net0", up=False)
            wait_for("port 0: link down", n + 1)
            assert appliance.stats()["ports"][0]["link"] == "down"
            if n % 2:
                appliance.must("port 0 down")
            appliance.monitor("set_link", name="net0", up=True)
            if n % 2:
                appliance.must("port 0 up")
            wait_for("port 0: link up, 1000 Mb/s full duplex", n + 2)
            appliance.wires[0].send(frame(100, n))
            assert appliance.wires[1].receive() == frame(100, n)


def test_down_and_up_fifty_times():
    """A port gives everything back each time: the pool would not last otherwise."""
    with Appliance(nics=["vmxnet3"] * 2, config="forward l2\n") as appliance:
        for n in range(50):
            appliance.must("port 0 down")
            appliance.must("port 0 up")
        appliance.wires[0].send(frame(100, 1))
        assert appliance.wires[1].receive() == frame(100, 1)


def test_vlan_comes_and_goes_with_traffic():
    config = "port 0 mtu 9000\nport 1 mtu 9000\nforward l2\n"
    with Appliance(nics=["vmxnet3"] * 2, config=config) as appliance:
        a, b = appliance.wires
        for n, vid in enumerate((0, 1, 4094, 0, 5)):
            appliance.must("port 0 vlan %d" % vid)
            sent = frame(9018, n)
            b.send(sent)
            assert a.receive() == (tagged(sent, vid) if vid else sent)
            a.send(tagged(sent, vid) if vid else sent)
            assert b.receive() == sent


@pytest.mark.parametrize("queues", [2, 3, 8, 9, 16])
def test_several_queues_do_no_harm(queues):
    """QEMU takes up to eight and receives by the first; who asks for more gets eight."""
    config = "".join("port %d queues %d\n" % (port, queues) for port in range(2)) + CONFIG["l3"]
    with Appliance(nics=["vmxnet3"] * 2, config=config, plugged=False) as appliance:
        status, result = appliance.traffic("blast", "--mode", "l3", "--frames", "3000", "--sizes", "60,590,1514")
        assert status == 0, result
        check_law(appliance.stats())
        assert "expected 1 to 16" in appliance.command("port 0 queues 17")
        shown = appliance.must("show port 0")
        assert "%d rx, %d tx" % (queues, min(queues, 8)) in shown
        told = "%d receive queues instead of %d" % (min(queues // 2 * 2, 8), queues)
        assert (told in appliance.must("show log")) == (queues not in (2, 8))


def test_what_qemu_refuses_to_send_is_counted():
    """It takes frames apart, and one without a whole IPv4 header is an error of its own."""
    with Appliance(nics=["virtio", "vmxnet3"], config="forward l2\n") as appliance:
        short = frame(14 + 10)
        short = short[:12] + b"\x08\x00" + short[14:]
        appliance.wires[0].send(short, frame(64, 9))
        assert appliance.wires[1].receive() == frame(64, 9)
        assert device_counters(appliance, 1)["pktsTxError"] == 1
        port = appliance.settled(2)["ports"][1]
        assert port["tx_packets"] == 2 and port["tx_errors"] == 1
