"""A TFTP server at the far end of a wire (RFC 1350, options of RFC 2347 to 2349), for IPv4 and IPv6.

It answers ARP and neighbor solicitations for its addresses.  lose: every so many answers are not sent.
"""
import struct
import threading

from scapy.all import (ARP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IP, IPv6, Raw, UDP)

READ, WRITE, DATA, ACK, ERROR, OACK = range(1, 7)
MAC = "02:00:00:0a:00:09"
V4, V6 = "192.0.2.9", "2001:db8::9"


class Transfer:
    def __init__(self, write, name, data=b""):
        self.write, self.name, self.data = write, name, data
        self.size = 512     # of a block
        self.block = 0      # last that was sent or taken

    def piece(self, block):
        return self.data[(block - 1) * self.size:block * self.size]


class TftpServer(threading.Thread):
    """files: what there is, by name; what is put is added when it is whole."""

    def __init__(self, wire, files, options=True, lose=0):
        super().__init__(daemon=True)
        self.wire, self.files, self.options, self.lose = wire, files, options, lose
        self.transfers = {}     # by the other's address and port
        self.ends = False
        self.said = 0
        self.block_sizes = set()
        self.error = None       # what made the thread end

    def run(self):
        try:
            while not self.ends:
                frame = self.wire.receive(0.2)
                if frame is not None:
                    self.take(Ether(frame))
        except Exception as error:      # the test looks at it
            self.error = error
            raise

    def take(self, p):
        if ARP in p and p[ARP].op == 1 and p[ARP].pdst == V4:
            self.wire.send(Ether(src=MAC, dst=p.src) / ARP(op=2, hwsrc=MAC, psrc=V4, hwdst=p.src, pdst=p[ARP].psrc))
        elif ICMPv6ND_NS in p and p[ICMPv6ND_NS].tgt == V6 and p[IPv6].src != "::":
            self.wire.send(Ether(src=MAC, dst=p.src) / IPv6(src=V6, dst=p[IPv6].src, hlim=255)
                           / ICMPv6ND_NA(tgt=V6, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MAC))
        elif UDP in p and (IP in p and p[IP].dst == V4 or IPv6 in p and p[IPv6].dst == V6):
            self.serve(p, bytes(p[UDP].payload)[:p[UDP].len - 8])

    def say(self, p, opcode, number, rest=b""):
        """To whom the packet is from, by a port that is this transfer's own."""
        self.said += 1
        if self.lose and self.said % self.lose == 0:
            return
        ip = IP(src=V4, dst=p[IP].src) if IP in p else IPv6(src=V6, dst=p[IPv6].src)
        head = struct.pack("!H" if number is None else "!HH", *((opcode,) if number is None else (opcode, number)))
        self.wire.send(Ether(src=MAC, dst=p.src) / ip / UDP(sport=10000 + p[UDP].sport % 1000, dport=p[UDP].sport)
                       / Raw(head + rest))

    def serve(self, p, data):
        key = (p[IP].src if IP in p else p[IPv6].src, p[UDP].sport)
        opcode = struct.unpack("!H", data[:2])[0]
        if p[UDP].dport == 69:
            self.begin(p, key, opcode, data[2:].split(b"\0"))
        elif key in self.transfers and opcode in (DATA, ACK):
            self.go_on(p, self.transfers[key], opcode, struct.unpack("!H", data[2:4])[0], data[4:])

    def begin(self, p, key, opcode, words):
        name = words[0].decode()
        if opcode == READ and name not in self.files:
            self.say(p, ERROR, 1, b"no such file here\0")
            return
        t = self.transfers[key] = Transfer(opcode == WRITE, name, self.files.get(name, b"") if opcode == READ else b"")
        asked = dict(zip((w.decode() for w in words[2::2]), words[3::2]))
        if not self.options:
            self.say(p, DATA, 1, t.piece(1)) if opcode == READ else self.say(p, ACK, 0)
            return
        t.size = min(int(asked["blksize"]), 1400)
        self.block_sizes.add(int(asked["blksize"]))
        length = len(t.data) if opcode == READ else int(asked["tsize"])
        self.say(p, OACK, None, b"blksize\0%d\0tsize\0%d\0" % (t.size, length))

    def go_on(self, p, t, opcode, block, data):
        if opcode == ACK and not t.write and (block - 1) * t.size + t.size <= len(t.data):
            self.say(p, DATA, block + 1, t.piece(block + 1))
        elif opcode == DATA and t.write:
            if block == t.block + 1:
                t.block, t.data = block, t.data + data
                if len(data) < t.size:
                    self.files[t.name] = t.data
            self.say(p, ACK, block)
