"""The real image on the models of the 82599 and X540, of the X710 and its kin, and of adaptive VFs behind PFs of
two kinds, in the QEMU that speaks vfio-user: both ends of each cable are the test's, or another model's."""
import re
import struct
import time

import pytest

import image
import qemu


@pytest.fixture(autouse=True)
def strict():
    """In the place of conftest's: no Linux is needed here, and Cabled looks at the models itself."""


# Driver and speed, by what the model's program is told.
CHIPS = {"82599": ("ixgbe", 10000), "x540": ("ixgbe", 10000), "kx4": ("ixgbe", 10000),
         "x710": ("i40e", 10000), "xl710": ("i40e", 40000), "xxv710": ("i40e", 25000), "x722": ("i40e", 10000),
         "i40e": ("iavf", 40000), "ice": ("iavf", 25000)}
ONE_OF_EACH = ["82599", "x710", "ice"]


class Cabled(image.Image):
    """The image with two ports of a chip."""

    def __init__(self, chip, **more):
        super().__init__(2, **more)
        self.chip = chip
        self.wires = [image.Port(self.folder, n, ("-c", chip), program=CHIPS[chip][0] + "_server") for n in range(2)]

    def up(self):
        """Every port has its link."""
        end = time.monotonic() + qemu.COMMAND_LIMIT
        told = r"port (\d+): link up, %d Mb/s full duplex" % CHIPS[self.chip][1]
        while len(set(re.findall(told, self.transcript))) < len(self.wires):
            assert time.monotonic() < end and self._read_some(1.0) is not None, self.transcript
        self.seen = len(self.transcript)
        return self

    def poweroff(self):
        assert [wire.served.violations() for wire in self.wires] == [0] * len(self.wires)
        super().poweroff()


def frame(size, n=0, to=b"\x02\xbb\0\0\0\1", sender=b"\x02\xaa\0\0\0\1"):
    return to + sender + b"\x88\xb5" + bytes((n + k) & 0xff for k in range(size - 14))


def echo(appliance, sizes):
    a, b = appliance.wires
    for n, size in enumerate(sizes):
        there, back = frame(size, n), frame(size, n + 1, b"\x02\xaa\0\0\0\1", b"\x02\xbb\0\0\0\1")
        a.send(there)
        assert b.receive() == there, size
        b.send(back)
        assert a.receive() == back, size


@pytest.mark.parametrize("chip", CHIPS)
def test_frames_of_every_length_are_bridged(chip):
    mtu = {"ixgbe": 9710, "i40e": 9702}.get(CHIPS[chip][0], 9198)
    config = "port 0 mtu {0}\nport 1 mtu {0}\nforward l2\n".format(mtu)
    with Cabled(chip, config=config) as appliance:
        appliance.up()
        echo(appliance, [60, 61, 1514, 1518, 2047, 2048, 2049, 4096, 4097, 8193, 9018, mtu + 14, mtu + 22])
        ports = appliance.stats()["ports"]
        assert all(p["driver"] == CHIPS[chip][0] and not p["rx_errors"] and not p["rx_missed"] for p in ports)
        qemu.check_law(appliance.settled(13))


@pytest.mark.parametrize("chip", ONE_OF_EACH)
def test_what_the_module_is_decides_the_link(chip):
    with Cabled(chip, config="forward l2\n") as appliance:
        shown = appliance.up().must("show port 0")
        assert re.search(r"^  link +up, %d Mbit/s, full duplex$" % CHIPS[chip][1], shown, re.M)
        appliance.wires[0].served.link(False)
        appliance.read_until("port 0: link down")
        appliance.wires[0].served.link(True)
        appliance.read_until("port 0: link up")
        echo(appliance, [60, 1514])


@pytest.mark.parametrize("chip", ONE_OF_EACH)
def test_several_queues_share_the_flows(chip):
    """Two workers, two queues a port: the chip's hash spreads flows, and no frame is lost."""
    config = "port 0 queues 2\nport 1 queues 2\nforward l2\n"
    with Cabled(chip, config=config, extra=("-smp", "2")) as appliance:
        appliance.up()
        a, b = appliance.wires
        a.send(frame(60, sender=b"\x02\xaa\0\0\0\1"))
        assert b.receive()
        b.send(frame(60, 0, b"\x02\xaa\0\0\0\1", b"\x02\xbb\0\0\0\1"))
        assert a.receive()
        flows = [udp(k) for k in range(64)]
        a.send(*flows)
        assert sorted(b.receive() for _ in flows) == sorted(flows)
        queues = appliance.settled(65)["ports"][0]["rx_queues"]
        assert all(queue["packets"] >= 8 for queue in queues), queues


def udp(k):
    """A flow of its own."""
    header = bytes((0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, k + 1, 10, 0, 1, 255 - k))
    return frame(14)[:12] + b"\x08\x00" + header + struct.pack(">HHHH", 1000 + k, 2000 + 7 * k, 26, 0) + bytes(18)


@pytest.mark.parametrize("chip", ONE_OF_EACH)
def test_behind_an_iommu(chip):
    """QEMU tells a vfio-user device of each mapping, so the model reaches what its domain has and no more."""
    with Cabled(chip, before=("-device", "intel-iommu,intremap=off,caching-mode=on"), config="forward l2\n") as appliance:
        appliance.up()
        assert "unfenced" not in appliance.must("show ports")
        print(appliance.must("show iommu"))
        echo(appliance, [60, 1514])


@pytest.mark.parametrize("kind", ["core", "global"])
def test_resets_of_the_chip_by_another_pf(kind):
    with Cabled("x710", config="forward l2\n") as appliance:
        appliance.up()
        echo(appliance, [60])
        appliance.wires[0].served.ask("reset " + kind)
        appliance.read_until("starts over: the chip was reset")
        appliance.read_until("10GBASE-SR")
        echo(appliance, [60, 1514])
        assert re.search(r"device resets +1$", appliance.must("show port 0"), re.M)
