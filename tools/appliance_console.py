"""An appliance's console as the tools use it: lines out, lines in.

WHERE is a unix socket, HOST:PORT (telnet, QEMU's tcp) or a serial device; best a console of its own (hvc0, ttyS1),
which leaves whoever sits at another alone.
"""
import os
import re
import select
import socket
import stat
import termios
import time
import tty

# What a terminal acts on (ECMA-48 5.4), carriage returns, and telnet's negotiation (unread: RFC 854).
CONTROL = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\r|\xff[\xfb-\xfe].|\xff[\xf0-\xfa]", re.S)


class Gone(Exception):
    """The other end of the console closed it."""


class Console:
    def __init__(self, where):
        self.socket = self.device = None
        if re.fullmatch(r"[^/]+:\d+", where):
            host, port = where.rsplit(":", 1)
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
            self.socket.settimeout(None)
        elif stat.S_ISSOCK(os.stat(where).st_mode):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(where)
        else:
            self.device = os.open(where, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.device)
            attributes = termios.tcgetattr(self.device)
            attributes[4] = attributes[5] = termios.B115200
            termios.tcsetattr(self.device, termios.TCSANOW, attributes)
        self.text = b""

    def close(self):
        if self.socket:
            self.socket.close()
        elif self.device is not None:
            os.close(self.device)
        self.socket = self.device = None

    def type(self, line):
        """The line, after what somebody left half typed."""
        data = b"\x15" + line.encode() + b"\n"
        if self.socket:
            self.socket.sendall(data)
        else:
            os.write(self.device, data)

    def line(self, silence):
        """The next whole line; None: nothing comes for so long, or no end of it for ten times that."""
        end = time.monotonic() + 10 * silence
        while b"\n" not in self.text:
            if time.monotonic() > end or not select.select([self.socket or self.device], [], [], silence)[0]:
                return None
            more = self.socket.recv(65536) if self.socket else os.read(self.device, 65536)
            if not more:
                raise Gone("the console is gone")
            self.text += more
        line, self.text = self.text.split(b"\n", 1)
        return CONTROL.sub(b"", line).decode(errors="replace")
