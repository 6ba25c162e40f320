"""A small vhost-user back end: QEMU hands us a port's virtqueues, and we are the device's data path.

Written from virtio 1.2 2.7 and 2.8 for the rings; the messages are those of QEMU's own document
(docs/interop/vhost-user.rst), unread: their numbers are what QEMU 10.0 and DPDK agree on.  Frames
the appliance sends are in `frames`; what is given to send() goes to a receive queue.  It can go
away and come back, and it can lie."""
import collections
import mmap
import os
import queue
import socket
import struct
import threading
import time

GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE = 1, 2, 3, 4, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 12, 13, 14
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 16, 17, 18
REPLY = 4

F_CSUM, F_GUEST_CSUM, F_GUEST_TSO4, F_HOST_TSO4 = 0, 1, 7, 11
OFFLOADS = [F_CSUM, F_GUEST_CSUM, F_GUEST_TSO4, F_HOST_TSO4]
F_MRG_RXBUF, F_MQ, F_INDIRECT, F_PROTOCOL, F_VERSION_1, F_RING_PACKED = 15, 22, 28, 30, 32, 34
PROTOCOL_MQ = 0
NEXT, WRITE, INDIRECT, AVAIL, USED = 1, 2, 4, 0x80, 0x8000
HEADER = 12


class Ring:
    """One virtqueue, the device's side."""

    def __init__(self, backend, index):
        self.backend, self.index = backend, index
        self.size, self.enabled, self.addresses, self.kick = 0, True, None, None
        self.avail = self.used = 0
        self.wrap = self.used_wrap = 1

    def base(self, value):
        """As SET_VRING_BASE has it: split an index, packed two positions with their wrap counters."""
        if self.backend.packed:
            self.avail, self.wrap = value & 0x7fff, value >> 15 & 1
            self.used, self.used_wrap = value >> 16 & 0x7fff, value >> 31 & 1
        else:
            self.avail = value & 0xffff
            self.used = None

    def place(self):
        if self.backend.packed:
            return self.avail | self.wrap << 15 | self.used << 16 | self.used_wrap << 31
        return self.avail

    def ready(self):
        return self.enabled and self.size and self.addresses and self.kick is not None

    def _segments(self, table, at, count):
        """(address, length, writable) of a chain in a table, and how many descriptors it has there."""
        found, n = [], 0
        while True:
            address, length, last, flags = self.backend.descriptor(table, at)
            n += 1
            if flags & INDIRECT:
                found += self._table(address, length)
            else:
                found.append((address, length, bool(flags & WRITE)))
            if not flags & NEXT:
                return found, n, last
            at = (at + 1) % count if self.backend.packed else last

    def _table(self, address, length):
        if not self.backend.packed:
            return self._segments_of(address)
        return [(a, l, bool(f & WRITE)) for a, l, _, f in
                (self.backend.descriptor_at(address + 16 * i) for i in range(length // 16))]

    def _segments_of(self, address):
        found, at = [], 0
        while True:
            a, l, following, flags = self.backend.descriptor_at(address + 16 * at)
            found.append((a, l, bool(flags & WRITE)))
            if not flags & NEXT:
                return found
            at = following

    def take(self):
        """(id, descriptors, segments) of the next buffer, or None."""
        table, used, avail = self.addresses
        if self.backend.packed:
            flags = self.backend.descriptor(table, self.avail)[3]
            if bool(flags & AVAIL) != bool(self.wrap) or bool(flags & USED) == bool(self.wrap):
                return None
            segments, n, buffer = self._segments(table, self.avail, self.size)
            self.avail += n
            if self.avail >= self.size:
                self.avail, self.wrap = self.avail - self.size, self.wrap ^ 1
            return buffer, n, segments
        if self.used is None:
            self.used = self.backend.word(used + 2)
        if self.backend.word(avail + 2) == self.avail:
            return None
        head = self.backend.word(avail + 4 + 2 * (self.avail % self.size))
        self.avail = (self.avail + 1) & 0xffff
        segments, n, _ = self._segments(table, head, self.size)
        return head, n, segments

    def put(self, taken, length):
        table, used, _ = self.addresses
        buffer, n, _ = taken
        if self.backend.packed:
            at = table + 16 * self.used
            self.backend.write(at + 8, struct.pack("@IH", length, buffer))
            self.backend.write(at + 14, struct.pack("@H", WRITE | ((AVAIL | USED) if self.used_wrap else 0)))
            self.used += n
            if self.used >= self.size:
                self.used, self.used_wrap = self.used - self.size, self.used_wrap ^ 1
            return
        self.backend.write(used + 4 + 8 * (self.used % self.size), struct.pack("@II", buffer, length))
        self.used = (self.used + 1) & 0xffff
        self.backend.write(used + 2, struct.pack("@H", self.used))


class VhostUser:
    """Back end of one port, at `path`, where QEMU listens (server=on)."""

    def __init__(self, path, pairs=1, packed=False):
        self.path, self.pairs, self.offer_packed = path, pairs, packed
        self.frames = queue.Queue()
        self.came_by = collections.Counter()    # transmit queues
        self.waiting = collections.deque()      # to be received: (pair, header and frame)
        self.lie = None                         # the next buffer used is called that
        self.socket = None

    def come(self):
        self.features, self.packed, self.regions = 0, False, []
        self.rings = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def go(self):
        sock, self.socket = self.socket, None
        sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        sock.close()

    def send(self, frame, pair=0, flags=0, gso=0):
        """flags, gso: of its header, virtio 1.2 5.1.6."""
        self.waiting.append((pair, struct.pack("@BBHHHHH", flags, gso, 0, 0, 0, 0, 1) + frame))

    def receive(self, timeout=60):
        return self.frames.get(timeout=timeout)

    # Guest memory

    def _locate(self, address, user):
        for guest, size, start, offset, memory in self.regions:
            base = start if user else guest
            if base <= address < base + size:
                return memory, address - base + offset
        raise KeyError(hex(address))

    def _read(self, address, n, user=False):
        memory, at = self._locate(address, user)
        return memory[at:at + n]

    def descriptor_at(self, address, user=False):
        a, l, x, y = struct.unpack("@QIHH", self._read(address, 16, user))
        return (a, l, x, y) if self.packed else (a, l, y, x)

    def descriptor(self, table, index):
        return self.descriptor_at(table + 16 * index, True)

    def word(self, address):
        memory, at = self._locate(address, True)
        return struct.unpack_from("@H", memory, at)[0]

    def write(self, address, data, user=True):
        memory, at = self._locate(address, user)
        memory[at:at + len(data)] = data

    # Frames

    def _transmit(self, pair):
        ring, moved = self.rings.get(2 * pair + 1), False
        while ring and ring.ready():
            taken = ring.take()
            if not taken:
                break
            frame = b"".join(self._read(a, l) for a, l, w in taken[2] if not w)
            assert frame[:HEADER] == bytes(HEADER), frame[:HEADER]
            self.came_by[pair] += 1
            self.frames.put(frame[HEADER:])
            ring.put(taken, 0)
            moved = True
        return moved

    def _receive(self):
        while self.waiting:
            pair, data = self.waiting[0]
            ring = self.rings.get(2 * pair)
            taken = ring.take() if ring and ring.ready() else None
            if not taken:
                return False
            self.waiting.popleft()
            rest = data
            for address, length, writable in taken[2]:
                if writable and rest:
                    self.write(address, rest[:length], user=False)
                    rest = rest[length:]
            if self.lie is not None:
                taken, self.lie = (self.lie, 1, taken[2]), None
            ring.put(taken, len(data))
        return True

    def _run(self):
        self.socket.setblocking(False)
        sock = self.socket
        while self.socket is sock:
            try:
                moved = self._message(sock)
            except (OSError, EOFError):
                return
            try:
                for pair in range(self.pairs):
                    moved |= self._transmit(pair)
                if self.waiting:
                    moved |= self._receive()
            except KeyError:
                pass                            # memory that is just being told anew
            if not moved:
                time.sleep(0.0005)

    # Messages

    def _message(self, sock):
        try:
            head, fds, _, _ = socket.recv_fds(sock, 12, 8)
        except BlockingIOError:
            return False
        if len(head) < 12:
            raise EOFError
        request, flags, size = struct.unpack("@III", head)
        body = b""
        while len(body) < size:
            try:
                body += sock.recv(size - len(body))
            except BlockingIOError:
                time.sleep(0.0005)
        answer = self._handle(request, body, fds)
        if answer is not None:
            sock.setblocking(True)
            sock.sendall(struct.pack("@III", request, 1 | REPLY, len(answer)) + answer)
            sock.setblocking(False)
        return True

    def _ring(self, index):
        return self.rings.setdefault(index, Ring(self, index))

    def _handle(self, request, body, fds):
        if request == GET_FEATURES:
            bits = [F_MRG_RXBUF, F_MQ, F_INDIRECT, F_PROTOCOL, F_VERSION_1] + [F_RING_PACKED] * self.offer_packed + OFFLOADS
            return struct.pack("@Q", sum(1 << bit for bit in bits))
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("@Q", 1 << PROTOCOL_MQ)
        if request == GET_QUEUE_NUM:
            return struct.pack("@Q", self.pairs)
        if request == SET_FEATURES:
            self.features = struct.unpack("@Q", body)[0]
            self.packed = bool(self.features >> F_RING_PACKED & 1)
        elif request == SET_MEM_TABLE:
            self._map(body, fds)
        elif request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            value = struct.unpack("@Q", body)[0]
            if request == SET_VRING_KICK:
                self._ring(value & 0xff).kick = True
            for fd in fds:
                os.close(fd)                    # we look without being told
        elif request == SET_VRING_ADDR:
            index, _, table, used, avail, _ = struct.unpack("@IIQQQQ", body)
            self._ring(index).addresses = (table, used, avail)
        elif request in (SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE, GET_VRING_BASE):
            index, value = struct.unpack("@II", body)
            return self._vring(request, self._ring(index), value)
        return None

    def _vring(self, request, ring, value):
        if request == SET_VRING_NUM:
            ring.size = value
        elif request == SET_VRING_BASE:
            ring.base(value)
        elif request == SET_VRING_ENABLE:
            ring.enabled = bool(value)
        else:
            ring.kick = None                    # stopped until the next SET_VRING_KICK
            return struct.pack("@II", ring.index, ring.place())
        return None

    def _map(self, body, fds):
        count = struct.unpack_from("@I", body)[0]
        regions = []
        for i, fd in zip(range(count), fds):
            guest, size, user, offset = struct.unpack_from("@QQQQ", body, 8 + 32 * i)
            regions.append((guest, size, user, offset, mmap.mmap(fd, size + offset)))
            os.close(fd)
        self.regions = regions
