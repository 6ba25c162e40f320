#!/usr/bin/python3
"""record_mailbox FILE - Linux's igbvf talks to Linux's igb; what passed through the mailboxes.

Both run in L1, on two sides of QEMU's 82576; QEMU's trace shows every register they touch.
tests/data/mailbox/README.md tells the format.  Not a test: run by hand when there is reason to.
"""
import os
import re
import sys
import time

from guest import PF, Linux, vf_bdf

EVENTS = ["e1000e_core_write", "igb_set_pfmailbox", "igb_set_vfmailbox", "igb_core_vf_reset"]
EVENT = re.compile(r"e1000e_core_write Write to register 0x([0-9a-f]+), \d byte\(s\), value: 0x([0-9a-f]+)"
                   r"|igb_core_vf_reset VF(\d+)|MARK (.*)")
V2P, P2V, MEMORY, CTRL_EXT = 0xc40, 0xc00, 0x800, 0x18
REQ, VF_ACK, VFU = 1, 2, 4
STS, PF_ACK, RVFU = 1, 2, 16
PFRSTD = 1 << 14
VFS = 2


class Mailbox:
    """What one VF's trace amounts to."""

    def __init__(self, number, say):
        self.number, self.say = number, say
        self.words = {}

    def message(self, who):
        words = [self.words[n] for n in sorted(self.words)]
        self.say(self.number, who, " ".join("%08x" % word for word in words))
        self.words = {}

    def vf(self, value):
        if value & VF_ACK:
            self.say(self.number, "vf", "ack")
        if value & REQ:
            self.message("vf")

    def pf(self, value):
        if value & PF_ACK:
            self.say(self.number, "pf", "ack")
        if value & STS:
            self.message("pf")
        if value & RVFU:
            self.say(self.number, "pf", "takes the buffer away")


def decode(trace):
    """The trace as lines of a recording."""
    lines = []
    boxes = [Mailbox(n, lambda vf, who, what: lines.append("%d %s %s" % (vf, who, what))) for n in range(VFS)]
    for match in EVENT.finditer(trace):
        if match.group(4):
            lines.append("# " + match.group(4))
        elif match.group(3):
            if int(match.group(3)) < VFS:
                lines.append("%s vf reset" % match.group(3))
        else:
            register, value = int(match.group(1), 16), int(match.group(2), 16)
            if register == CTRL_EXT and value & PFRSTD:
                lines.append("- pf reset done")
            elif MEMORY <= register < MEMORY + 64 * VFS:
                boxes[(register - MEMORY) // 64].words[register % 64 // 4] = value
            elif V2P <= register < V2P + 4 * VFS:
                boxes[(register - V2P) // 4].vf(value)
            elif P2V <= register < P2V + 4 * VFS:
                boxes[(register - P2V) // 4].pf(value)
    return lines


def record(linux, mark):
    def up(netdev):
        linux.until("[ $(cat /sys/class/net/%s/operstate) = up ]" % netdev)

    def quiet():
        """Linux's igbvf looks after its mailbox every two seconds."""
        time.sleep(5)

    pf = linux.netdev()
    linux.ip("link set %s up" % pf)
    up(pf)
    linux.run("cd /sys/bus/pci/devices/%s; echo 0 >sriov_drivers_autoprobe; echo %d >sriov_numvfs" % (PF, VFS))
    mark("VF 0's driver is loaded; the administrator gave no MAC")
    linux.give(0, "igbvf")
    vf = linux.netdev(vf_bdf(0))
    mark("its interface goes up")
    linux.ip("link set %s up" % vf)
    up(vf)
    quiet()
    for what, words in [("it wants another MAC", "link set %s address 02:00:00:00:02:01"),
                        ("it wants an MTU of 9000", "link set %s mtu 9000"),
                        ("and of 1500 again", "link set %s mtu 1500"),
                        ("it wants VLAN 100", "link add link %s name v100 type vlan id 100"),
                        ("and no longer", "link del dev v100"),
                        ("it wants to be promiscuous", "link set %s promisc on"),
                        ("and no longer", "link set %s promisc off"),
                        ("it wants all multicast", "link set %s allmulticast on"),
                        ("and no longer", "link set %s allmulticast off"),
                        ("it joins 224.1.2.3's group", "maddr add 01:00:5e:01:02:03 dev %s"),
                        ("and leaves it", "maddr del 01:00:5e:01:02:03 dev %s")]:
        mark(what)
        linux.ip(words.replace("%s", vf), check=False)
    mark("the cable is pulled")
    linux.plug(False)
    quiet()
    mark("and put in")
    linux.plug(True)
    up(vf)
    quiet()
    mark("the PF goes down")
    linux.ip("link set %s down" % pf)
    quiet()
    mark("and up")
    linux.ip("link set %s up" % pf)
    up(pf)
    quiet()
    mark("the administrator gives the VF a MAC")
    linux.ip("link set %s vf 0 mac 02:00:00:00:03:01" % pf)
    quiet()
    mark("the VF wants another")
    linux.ip("link set %s address 02:00:00:00:02:02" % vf, check=False)
    mark("the VF's interface goes down")
    linux.ip("link set %s down" % vf)
    mark("and up")
    linux.ip("link set %s up" % vf)
    quiet()
    mark("the administrator puts the VF into VLAN 100")
    linux.ip("link set %s vf 0 vlan 100" % pf)
    quiet()
    mark("the VF wants VLAN 101")
    linux.ip("link add link %s name v101 type vlan id 101" % vf, check=False)
    quiet()
    mark("the administrator trusts the VF, which wants another MAC, and all multicast")
    linux.ip("link set %s vf 0 trust on" % pf)
    quiet()
    linux.ip("link set %s address 02:00:00:00:02:03" % vf, check=False)
    linux.ip("link set %s allmulticast on" % vf)
    mark("VF 1's driver is loaded, its interface goes up")
    linux.give(1, "igbvf")
    linux.ip("link set %s up" % linux.netdev(vf_bdf(1)))
    quiet()
    mark("both drivers are unloaded")
    linux.run("rmmod igbvf")


def main():
    trace = os.path.join(os.environ.get("TMPDIR", "/tmp"), "millrace-trace.%d" % os.getpid())
    options = [word for event in EVENTS for word in ("-trace", event)] + ["-D", trace]
    try:
        with Linux(before=options, cpus=1) as linux:
            marks = []
            record(linux, lambda what: marks.append((os.path.getsize(trace), what)))
            kernel = linux.run("uname -r")
        with open(trace, encoding="ascii") as f:
            text = f.read()
        for offset, what in reversed(marks):    # QEMU writes whole lines
            text = "%sMARK %s\n%s" % (text[:offset], what, text[offset:])
        with open(sys.argv[1], "w", encoding="ascii") as f:
            f.write("# Linux %s, igb and igbvf, QEMU's 82576 with %d VFs\n" % (kernel, VFS))
            f.write("\n".join(decode(text)) + "\n")
    finally:
        if os.path.exists(trace):
            os.unlink(trace)


if __name__ == "__main__":
    main()
