"""Linux as a host on a wire: a kernel's network stack in a namespace of the test's own, on a tap.

    linux_peer.py SOCKET MAC

runs in a new namespace (`unshare -rn`): it makes tap0, sends its file through SOCKET and carries out
requests that come as lines of JSON; frames go between the tap and the wire in threads of the test."""
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LIMIT = 60          # against hanging


class LinuxPeer:
    """with LinuxPeer(wire, mac) as host: ..."""

    def __init__(self, wire, mac):
        self.wire, self.mac = wire, mac
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-peer.")

    def __enter__(self):
        path = os.path.join(self.folder.name, "tap")
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(path)
        door.listen(1)
        door.settimeout(LIMIT)
        self.process = subprocess.Popen(["unshare", "-rn", "/usr/bin/python3", os.path.abspath(__file__),
                                         path, self.mac], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        connection, _ = door.accept()
        _, (self.tap,), _, _ = socket.recv_fds(connection, 1, 1)
        connection.close()
        door.close()
        self.running = True
        self.threads = [threading.Thread(target=what, daemon=True) for what in (self._to_wire, self._from_wire)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.process.stdin.close()
        self.process.wait(timeout=LIMIT)
        for thread in self.threads:
            thread.join()
        os.close(self.tap)
        self.folder.cleanup()

    def _to_wire(self):
        while self.running:
            if select.select([self.tap], [], [], 0.1)[0]:
                try:
                    self.wire.send(os.read(self.tap, 65536))
                except OSError:
                    return                              # one of the two has gone

    def _from_wire(self):
        while self.running:
            frame = self.wire.receive(0.1)
            if frame:
                try:
                    os.write(self.tap, frame)
                except OSError:
                    pass

    def _ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def run(self, *command):
        """What a command in its namespace printed."""
        return self._ask(what="run", command=command)

    def wait_for(self, wanted, *command):
        """Until what the command prints satisfies wanted(text)."""
        end = time.monotonic() + LIMIT
        while not wanted(text := self.run(*command)):
            assert time.monotonic() < end, text
            time.sleep(0.1)
        return text

    def ping(self, address, size=56, hops=64, tries=5):
        """(who answered, the answer's type and code); None: nobody."""
        return self._ask(what="ping", address=address, size=size, hops=hops, tries=tries)


def available():
    return (os.access("/dev/net/tun", os.R_OK | os.W_OK) and
            subprocess.run(["unshare", "-rn", "ip", "link"], capture_output=True).returncode == 0)


needed = pytest.mark.skipif(not available(), reason="no network namespace with a tap to be had here")


# In the namespace


def make_tap(mac):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
    for command in (["ip", "link", "set", "lo", "up"], ["ip", "link", "set", "tap0", "address", mac],
                    ["ip", "link", "set", "tap0", "up"]):
        subprocess.run(command, check=True)
    return tap


def ping_once(address, size, hops, sequence):
    """A raw socket sees answers of every kind, errors too."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        ident = os.getpid() & 0xffff
        sock.sendto(struct.pack("!BBHHH", 128, 0, 0, ident, sequence) + bytes(size), (address, 0))
        end = time.monotonic() + 2
        while select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
            data, sender = sock.recvfrom(65536)
            kind, code = data[0], data[1]
            wanted = struct.pack("!HH", ident, sequence)
            if (kind == 129 and data[4:8] == wanted) or (kind < 128 and data[8 + 44:8 + 48] == wanted):
                return [sender[0], kind, code]
    return None


def ping(request):
    for sequence in range(request["tries"]):
        try:
            answer = ping_once(request["address"], request["size"], request["hops"], sequence)
        except OSError as error:                        # no route yet, or what a router said
            answer = None
            time.sleep(0.2)
        if answer:
            return answer
    return None


def main():
    path, mac = sys.argv[1:]
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.connect(path)
    tap = make_tap(mac)
    socket.send_fds(door, [b"x"], [tap])
    for line in sys.stdin:
        request = json.loads(line)
        if request["what"] == "run":
            result = subprocess.run(request["command"], capture_output=True, text=True)
            answer = result.stdout + result.stderr
        else:
            answer = ping(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
