"""Several queues of a tap, in a network namespace of the test's own: no root, no name of this host's.

    taps.py SOCKET QUEUES COUNT -- COMMAND...

runs in a new namespace (`unshare -rn`): it makes tap0 to tapN-1, opens a packet socket on each,
sends those through SOCKET and becomes COMMAND, QEMU, which opens the taps' queues.  A packet socket
stays in the namespace where it was opened: our end of the wire is outside."""
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading

from qemu import Appliance, Wire, port_mac

TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE, IFF_VNET_HDR = 0x0002, 0x1000, 0x0100, 0x4000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
ETH_P_ALL, PACKET_OUTGOING = 3, 4


def available():
    """Whether a namespace with a tap is to be had here."""
    if not shutil.which("unshare") or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return False
    return subprocess.run(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL).returncode == 0


class TapWire(Wire):
    """The far end of a tap: what is sent here goes to one of its queues, by flow."""

    def __init__(self, folder, number, queues):
        super().__init__(folder, number)
        self.queues = queues

    def options(self, device, boot):
        netdev = "tap,ifname=tap%d,script=no,downscript=no,vhost=off,queues=%d" % (self.number, self.queues)
        return boot.netdev(self.number, netdev) + [
            "-device", "%s,netdev=net%d,mac=%s" % (device, self.number, port_mac(self.number))]

    def plug(self):
        pass

    def take(self, fd):
        self.local = None
        self.socket = socket.socket(fileno=fd)
        threading.Thread(target=self._collect, args=(self.socket,), daemon=True).start()

    def _collect(self, sock):
        while self.socket is sock:
            try:
                frame, address = sock.recvfrom(70000)
            except socket.timeout:
                continue
            except OSError:
                return
            if address[2] != PACKET_OUTGOING:
                self.frames.put(frame)

    def send(self, *frames):
        for frame in frames:
            self.socket.send(frame)


class TapAppliance(Appliance):
    """As Appliance, each port over a tap with so many queues."""

    def __init__(self, nics, queues, **more):
        super().__init__(nics=nics, **more)
        self.queues = queues
        self.wires = [TapWire(self.folder, n, queues) for n in range(len(nics))]

    def _command_line(self):
        path = os.path.join(self.folder, "taps")
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.door.bind(path)
        self.door.listen(1)
        threading.Thread(target=self._take_wires, daemon=True).start()
        return ["unshare", "-rn", "/usr/bin/python3", os.path.abspath(__file__), path, str(self.queues),
                str(len(self.wires)), "--", *super()._command_line()]

    def _take_wires(self):
        connection, _ = self.door.accept()
        _, fds, _, _ = socket.recv_fds(connection, 1, len(self.wires))
        for wire, fd in zip(self.wires, fds):
            wire.take(fd)
        connection.close()
        self.door.close()


def make_tap(name, queues):
    with open("/dev/net/tun", "rb+", buffering=0) as tun:
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (IFF_MULTI_QUEUE if queues > 1 else 0)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(tun, TUNSETPERSIST, 1)
    with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % name, "w") as knob:
        knob.write("1")                                 # nothing of its own on the wire
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    fcntl.ioctl(packets, SIOCSIFFLAGS, struct.pack("16sH22x", name.encode(), IFF_UP))
    packets.bind((name, ETH_P_ALL))
    return packets


def main():
    path, queues, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ends = [make_tap("tap%d" % n, queues) for n in range(count)]
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.connect(path)
    socket.send_fds(door, [b"x"], [end.fileno() for end in ends])
    door.recv(1)                                        # they have arrived
    os.execvp(sys.argv[5], sys.argv[5:])


if __name__ == "__main__":
    main()
