"""The e1000 and e1000e ports over QEMU's own devices: what the model in tests/models cannot prove."""
import re
import time

import pytest

from scapy.layers.inet import ICMP

from addresses import ALICE, ROUTER, is_arp_request_for
from qemu import FRAME_LIMIT, NICS, Appliance, check_law

STATION = bytes.fromhex("020000000a02")
BROADCAST = bytes.fromhex("ffffffffffff")
KINDS = [name for name in NICS if name.startswith("e1000")] + ["e1000-82544gc"]


def frame(size, n=0, dst=BROADCAST):
    """A frame of `size` bytes whose content tells its place and its number."""
    body = bytes((i * 7 + i // 251 + n) & 0xff for i in range(size - 14))
    return dst + STATION + b"\x88\xb5" + body


def device_counters(appliance, port):
    text = appliance.must("show port %d" % port)
    return {name: int(value) for name, value in re.findall(r"device (\w+) +(\d+)", text)}


@pytest.mark.parametrize("nic", KINDS)
def test_long_frames_travel_in_chains(nic):
    """As long as the device can, around every seam of the 2048-byte buffers (RCTL.LPE), FCS and all."""
    mtu = 9198 if nic == "e1000e" else 16110
    config = "port 0 mtu %d\nport 1 mtu %d\nforward l2\n" % (mtu, mtu)
    with Appliance(nics=[nic] * 2, config=config) as appliance:
        seams = [size for seam in range(2048, mtu, 2048) for size in range(seam - 5, seam + 2)]
        sizes = [60, 1514, 1518, 1519, 9018] + seams + [mtu + 14, mtu + 21, mtu + 22]
        for n, size in enumerate(sizes):
            sent = frame(size, n)
            appliance.wires[n % 2].send(sent)
            assert appliance.wires[1 - n % 2].receive() == sent, size
        ports = appliance.stats()["ports"]
        assert sum(p["rx_packets"] for p in ports) == len(sizes)
        assert all(p["rx_errors"] == 0 for p in ports)


@pytest.mark.parametrize("nic", KINDS)
def test_long_frames_come_and_go_with_the_mtu(nic):
    """The device is started afresh between; a frame that is too long is counted, not forwarded."""
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        a, b = appliance.wires
        for mtu, size in [(9000, 9018), (1500, 1518), (4000, 4018), (1500, 1514)]:
            appliance.must("port 0 mtu %d" % mtu)
            appliance.must("port 1 mtu %d" % mtu)
            sent = frame(size, mtu & 255)
            a.send(sent)
            assert b.receive() == sent
            a.send(frame(size + 600))
            a.send(frame(64, 9))
            assert b.receive() == frame(64, 9)


@pytest.mark.parametrize("nic", KINDS)
def test_short_frames_leave_padded_with_zeros(nic):
    """8254x SDM 3.3.3: 48 bytes at least; IEEE 802.3 4.2.3.3: 60.  Virtio hands over shorter ones."""
    with Appliance(nics=["virtio", nic], config="forward l2\n") as appliance:
        appliance.wires[0].send(frame(1514))        # what might be left in a buffer
        assert appliance.wires[1].receive() == frame(1514)
        for size in (14, 15, 47, 48, 59):
            appliance.wires[0].send(frame(size))
            assert appliance.wires[1].receive() == frame(size).ljust(60, b"\0")


@pytest.mark.parametrize("nic", KINDS)
def test_device_counters_agree_with_ours(nic):
    """GPRC and GORC (FCS included) against what the queue saw; reading clears nothing of ours."""
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        device_counters(appliance, 0)
        for n in range(50):
            appliance.wires[0].send(frame(60 + n, n))
            assert appliance.wires[1].receive() == frame(60 + n, n)
        octets = sum(60 + n + 4 for n in range(50))
        for _ in range(2):
            received, sent = device_counters(appliance, 0), device_counters(appliance, 1)
            assert (received["GPRC"], received["BPRC"], received["GORC"]) == (50, 50, octets)
            assert (sent["GPTC"], sent["GOTC"]) == (50, octets)
        check_law(appliance.stats())


@pytest.mark.parametrize("nic", KINDS)
def test_filters_follow_the_mode(nic):
    """l2 listens to all; a router to its own address only (RCTL.UPE, RAL and RAH)."""
    config = "port 0 address 192.0.2.1/24\nforward l3\n"
    mine, other = bytes.fromhex("020000000001"), bytes.fromhex("020000000077")
    with Appliance(nics=[nic] * 2, config=config) as appliance:
        def reaches(dst):
            """Whether it was received, once the broadcast behind it was."""
            before = device_counters(appliance, 0)
            appliance.wires[0].send(frame(64, dst=dst), frame(64, dst=BROADCAST))
            end = time.monotonic() + FRAME_LIMIT   # QEMU holds back for a second after RCTL changed
            while time.monotonic() < end:
                after = device_counters(appliance, 0)
                if after["BPRC"] > before["BPRC"]:
                    return after["GPRC"] - before["GPRC"] == 2
            raise AssertionError("the broadcast did not come")
        assert reaches(mine) and not reaches(other)
        appliance.must("port 0 mac 02:00:00:00:00:77")
        assert reaches(other) and not reaches(mine)
        appliance.must("forward l2")
        assert reaches(mine) and reaches(other)


@pytest.mark.parametrize("nic", KINDS)
def test_vlans_and_further_addresses_are_the_device_s_to_filter(nic):
    """RCTL.VFE with its table, receive addresses 1 and on: what is not wanted does not arrive."""
    config = "interface add 0.100\ninterface 0.100 mac 02:00:00:00:55:55\nport 0 address 192.0.2.1/24\nforward l3\n"
    mine, own, other = (bytes.fromhex("02000000" + last) for last in ("0001", "5555", "0077"))
    with Appliance(nics=[nic] * 2, config=config) as appliance:
        def reaches(sent):
            """Whether it was received, once the broadcast behind it was."""
            before = device_counters(appliance, 0)
            appliance.wires[0].send(sent, frame(64, dst=BROADCAST))
            end = time.monotonic() + FRAME_LIMIT
            while time.monotonic() < end:
                after = device_counters(appliance, 0)
                if after["BPRC"] > before["BPRC"]:
                    return after["GPRC"] - before["GPRC"] == 2
            raise AssertionError("the broadcast did not come")
        assert reaches(tagged(frame(64, dst=own), 100)) and not reaches(frame(64, dst=other))
        assert reaches(tagged(frame(64, dst=mine), 0)) and not reaches(tagged(frame(64, dst=mine), 101))
        appliance.must("interface add 0.101")
        assert reaches(tagged(frame(64, dst=mine), 101)) and not reaches(tagged(frame(64, dst=mine), 4000))
        appliance.must("interface delete 0.100")
        assert not reaches(tagged(frame(64, dst=mine), 100))
        appliance.must("forward l2")
        assert reaches(tagged(frame(64, dst=other), 4000))


@pytest.mark.parametrize("nic", KINDS)
def test_a_wrong_ipv4_header_is_found_by_somebody(nic):
    """QEMU's 8254x look at no checksum (DPDK's guide says so as well), its 82574L does: no difference here."""
    with Appliance(nics=[nic] * 2, config=ROUTER) as appliance:
        good = bytes(ALICE.to_router(dst="192.0.2.1") / ICMP(id=1))
        bad = good[:24] + bytes([good[24] ^ 1]) + good[25:]
        appliance.wires[0].send(bad.ljust(60, b"\0"), good.ljust(60, b"\0"))
        appliance.wires[0].expect(is_arp_request_for(ALICE.ip))
        port = appliance.stats()["ports"][0]
        assert port["drops"]["ip_checksum"] == 1 and port["rx_errors"] == 0


@pytest.mark.parametrize("nic", KINDS)
def test_cable(nic):
    """STATUS.LU follows QEMU's set_link; traffic flows again afterwards."""
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        appliance.monitor("set_link", name="net0", up=False)
        appliance.read_until("port 0: link down")
        assert appliance.stats()["ports"][0]["link"] == "down"
        appliance.monitor("set_link", name="net0", up=True)
        appliance.read_until("port 0: link up, 1000 Mb/s full duplex")
        appliance.wires[0].send(frame(100))
        assert appliance.wires[1].receive() == frame(100)


@pytest.mark.parametrize("nic", KINDS)
def test_down_and_up_fifty_times(nic):
    """A port gives everything back each time: the pool of 3,985 packets would not last otherwise."""
    with Appliance(nics=[nic] * 2, config="forward l2\n") as appliance:
        for n in range(50):
            appliance.must("port 0 down")
            appliance.must("port 0 up")
        appliance.wires[0].send(frame(100, 1))
        assert appliance.wires[1].receive() == frame(100, 1)


def tagged(frame, vid, priority=0):
    """IEEE 802.1Q 9.6: the tag stands between the addresses and what follows."""
    return frame[:12] + b"\x81\x00" + (priority << 13 | vid).to_bytes(2, "big") + frame[12:]


@pytest.mark.parametrize("nic", KINDS)
def test_vlan_comes_and_goes_with_traffic(nic):
    with Appliance(nics=[nic] * 2, config="port 0 mtu 9000\nport 1 mtu 9000\nforward l2\n") as appliance:
        a, b = appliance.wires
        for n, vid in enumerate((0, 1, 4094, 0, 5)):
            appliance.must("port 0 vlan %d" % vid)
            sent = frame(9018, n)
            b.send(sent)
            assert a.receive() == (tagged(sent, vid) if vid else sent)
            a.send(tagged(sent, vid) if vid else sent)
            assert b.receive() == sent
        assert "expected 1 to 4094, or 0 for none" in appliance.command("port 0 vlan 4095")
        assert "expected 1\n" in appliance.command("port 0 queues 2") + "\n"
