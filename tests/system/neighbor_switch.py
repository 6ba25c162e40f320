"""Open vSwitch in user space as the switch on the other side of a wire.

It runs in a network namespace of its own, without its kernel module: the ports of its bridge are TAP devices, and
a thread each carries frames between the device and a wire of the appliance's.  Needs root, and is skipped without it
or without openvswitch-switch.
"""
import ctypes
import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
LIMIT = 30.0
CLONE_NEWNET = 0x40000000


class Switch:
    """bridge: options of the bridge, as ovs-vsctl takes them; ports: [options of a port], which are the wires given."""

    def __init__(self, wires, bridge=(), ports=()):
        if os.geteuid() or not shutil.which("ovs-vswitchd") or not os.path.exists(SCHEMA):
            pytest.skip("needs root and openvswitch-switch")
        self.wires, self.bridge, self.ports = wires, bridge, ports
        self.folder = tempfile.mkdtemp(prefix="millrace-ovs.")
        self.environment = dict(os.environ, OVS_RUNDIR=self.folder, OVS_LOGDIR=self.folder, OVS_DBDIR=self.folder)
        self.processes, self.running = [], True

    def _start(self, *command):
        log = open(os.path.join(self.folder, os.path.basename(command[0]) + ".out"), "wb")
        self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def control(self, *arguments):
        return subprocess.run(["ovs-vsctl", "--timeout=%d" % LIMIT, "--db=unix:%s/db.sock" % self.folder, *arguments],
                              env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def appctl(self, *arguments):
        target = [f for f in os.listdir(self.folder) if f.startswith("ovs-vswitchd.") and f.endswith(".ctl")][0]
        return subprocess.run(["ovs-appctl", "-t", os.path.join(self.folder, target), *arguments],
                              env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout

    def __enter__(self):
        try:
            self._enter()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _enter(self):
        database = os.path.join(self.folder, "conf.db")
        subprocess.run(["ovsdb-tool", "create", database, SCHEMA], check=True)
        self._start("ovsdb-server", "--remote=punix:%s/db.sock" % self.folder, database)
        until(lambda: os.path.exists(self.folder + "/db.sock"))
        self._start("unshare", "--net", "ovs-vswitchd", "unix:%s/db.sock" % self.folder, "--disable-system")
        until(lambda: any(f.startswith("ovs-vswitchd.") for f in os.listdir(self.folder)))
        self.control("--no-wait", "init")
        add = ["add-br", "s", "--", "set", "bridge", "s", "datapath_type=netdev", *self.bridge]
        for n, options in enumerate(self.ports):
            add += ["--", "add-port", "s", "t%d" % n, *options, "--", "set", "interface", "t%d" % n, "type=tap"]
        self.control(*add)
        for n, wire in enumerate(self.wires):
            sock = self._tap("t%d" % n)
            threading.Thread(target=self._carry, args=(sock, wire), daemon=True).start()

    def _tap(self, name):
        """A raw socket on the device, opened inside the namespace: a thread of its own goes there."""
        result = []
        pid = self.processes[-1].pid

        def enter():
            libc = ctypes.CDLL(None, use_errno=True)
            with open("/proc/%d/ns/net" % pid) as space:
                assert libc.setns(space.fileno(), CLONE_NEWNET) == 0
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            sock.bind((name, 3))
            result.append(sock)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert result, "no socket on " + name
        return result[0]

    def _carry(self, sock, wire):
        """Tags that the kernel took off would be lost: there are none on a TAP's frames but those that come with it."""
        PACKET_AUXDATA, SOL_PACKET = 8, 263
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        while self.running:
            ready, _, _ = select.select([sock], [], [], 0.02)
            if ready:
                try:
                    frame, extra, _, address = sock.recvmsg(65536, 256)
                except OSError:     # the device is gone
                    return
                if address[2] != socket.PACKET_OUTGOING:
                    wire.send(with_tag(frame, extra))
            while not wire.frames.empty():
                sock.send(wire.frames.get())

    def __exit__(self, *_):
        self.running = False
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def with_tag(frame, extra):
    """struct tpacket_auxdata: the tag that the kernel has beside the frame."""
    for _, _, data in extra:
        status, tci, tpid = int.from_bytes(data[0:4], "little"), data[16:18], data[18:20]
        if status & 0x10:       # TP_STATUS_VLAN_VALID
            return frame[:12] + (tpid[::-1] if status & 0x40 else b"\x81\0") + tci[::-1] + frame[12:]
    return frame


def until(condition, limit=LIMIT):
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
