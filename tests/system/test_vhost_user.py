"""virtio-net over vhost-user: QEMU is the registers, vhost_user.py is the rings."""
import os
import threading

import pytest
from scapy.all import IP, UDP, Ether

from qemu import Appliance, Wire, check_law, port_mac
from vhost_user import OFFLOADS, VhostUser

MEMORY = ["-object", "memory-backend-memfd,id=memory,size=128M,share=on"]


class BackEndWire(Wire):
    """The far end of a port's wire is a back end in this process."""

    def __init__(self, folder, number, pairs, packed):
        super().__init__(folder, number)
        self.pairs = pairs
        self.end = VhostUser(os.path.join(folder, "%d.vhost" % number), pairs, packed)

    def options(self, device, boot):
        netdev = "vhost-user,chardev=vhost%d,queues=%d" % (self.number, self.pairs)
        return ["-chardev", "socket,id=vhost%d,path=%s,server=on" % (self.number, self.end.path),
                *boot.netdev(self.number, netdev),
                "-device", "%s,netdev=net%d,mac=%s" % (device, self.number, port_mac(self.number))]

    def plug(self):
        pass

    def unplug(self):
        if self.end.socket:
            self.end.go()


class BackEnds(Appliance):
    """Two ports; QEMU waits for the back ends before it begins."""

    def __init__(self, features, pairs=1, packed=False, config="forward io\n", **more):
        super().__init__(nics=["virtio-net-pci,disable-legacy=on," + features] * 2, config=config,
                         machine="q35,memory-backend=memory", memory=128, before=MEMORY, wait_ready=False, **more)
        self.wires = [BackEndWire(self.folder, n, pairs, packed) for n in range(2)]
        self.ends = [wire.end for wire in self.wires]

    def start(self):
        for end in self.ends:
            threading.Thread(target=end.come, daemon=True).start()
        super().start()
        self.ready()


def frame(number, back=False):
    source, target = ("10.0.0.1", "10.0.1.1")[::-1 if back else 1]
    return bytes(Ether(src="02:00:00:00:0a:01", dst="02:00:00:00:0b:01") / IP(src=source, dst=target)
                 / UDP(sport=1000 + number, dport=80) / bytes(40))


def carry(appliance, numbers, pair=0):
    """Each comes out by the other port, in order, and back."""
    for a, b in ((0, 1), (1, 0)):
        for n in numbers:
            appliance.ends[a].send(frame(n), pair)
        for n in numbers:
            assert appliance.ends[b].receive() == frame(n)


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_pairs(packed):
    """Several pairs, all of them: what comes in by one leaves by some, and rings go round."""
    features = "mq=on,vectors=0" + (",packed=on" if packed else "")
    config = "port 0 queues 4\nport 1 queues 4\nforward io\n"
    with BackEnds(features, pairs=4, packed=packed, config=config) as appliance:
        for pair, frames in enumerate((30, 30, 30, 300)):
            carry(appliance, range(frames), pair)
        assert all(end.packed == packed for end in appliance.ends)
        text = appliance.command("show port 0")
        assert text.count(" 256 descriptors, 30 packets") >= 3
        assert text.count(" 256 descriptors, 300 packets") >= 1
        check_law(appliance.stats())


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_a_back_end_goes_away_and_comes_back(packed):
    """The link follows it, and frames go on; a packed ring is begun again."""
    with BackEnds("packed=on" if packed else "status=on", packed=packed) as appliance:
        for again in range(3):
            carry(appliance, range(20))
            appliance.ends[0].go()
            appliance.read_until(r"port 0: link down\n")
            appliance.ends[0].come()
            appliance.read_until(r"port 0: link up\n")
        carry(appliance, range(300))
        over = [line for line in appliance.command("show port 0").splitlines() if "starts over" in line]
        assert over[0].split()[-1] == ("3" if packed else "0")
        check_law(appliance.stats())


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_offloads_are_refused_and_who_does_them_all_the_same_is_dropped(packed):
    """A checksum that somebody was to finish, or a frame that is several, never leaves by another port."""
    with BackEnds("packed=on" if packed else "status=on", packed=packed) as appliance:
        carry(appliance, range(5))
        assert all(not end.features >> bit & 1 for end in appliance.ends for bit in OFFLOADS)
        for flags, gso in ((1, 0), (0, 1), (1, 4), (0, 0x81)):
            appliance.ends[0].send(frame(9), flags=flags, gso=gso)
        appliance.ends[0].send(frame(7), flags=2)  # verified by the back end: nothing is left to do
        assert appliance.ends[1].receive() == frame(7)
        stats = appliance.stats()
        assert stats["ports"][0]["rx_errors"] == 4
        check_law(stats)


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_a_back_end_that_lies(packed):
    """A used buffer that was never offered is told, and the port starts over; with too many of them
    it is stopped, and the appliance and its other port go on."""
    with BackEnds("packed=on" if packed else "status=on", packed=packed) as appliance:
        carry(appliance, range(20))
        for again in range(5):
            appliance.ends[0].lie = 0x7777
            appliance.ends[0].send(frame(again))
            appliance.read_until(r"starts over: used entry names a buffer that the device does not have\n")
            appliance.read_until(r"port 0: link up\n")
            appliance.ends[0].waiting.clear()
            carry(appliance, range(20))
        appliance.ends[0].lie = 0x7777
        appliance.ends[0].send(frame(0))
        appliance.read_until(r"port 0 \(virtio\): failed: used entry names")
        assert "failed" in appliance.command("show ports")
        appliance.ends[1].send(frame(1))
        assert appliance.settled(1, port=1)["ports"][1]["rx_packets"] >= 1
