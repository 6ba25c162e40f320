#!/usr/bin/python3
"""record_mailbox.py FILE - what Linux's ixgbevf and Linux's ixgbe say to each other through the mailbox of the model's
82599: the PF is one machine's, the VF another one's.

tests/data/mailbox/README.md tells the format.  Not a test: run by hand when there is reason to."""
import re
import sys

import guest
import modelled

GIVEN = "02:00:00:00:03:00"
OTHER = "02:07:07:07:07:07"
STEPS = (("MTU 9000", "link set {} mtu 9000"), ("MTU 1500", "link set {} mtu 1500"),
         ("a VLAN joined", "link add link {0} name {0}.5 type vlan id 5"), ("up", "link set {0}.5 up"),
         ("and left", "link delete {0}.5"), ("three groups", "maddr add 01:00:5e:01:02:03 dev {}"),
         ("all multicast", "link set {} allmulticast on"), ("no more", "link set {} allmulticast off"),
         ("promiscuous", "link set {} promisc on"), ("no more", "link set {} promisc off"),
         ("another address", "link set {} address %s" % OTHER), ("down", "link set {} down"), ("up", "link set {} up"))


def record(path):
    with modelled.Linux([("pf", ["-m", "1", "-r", path])], vfs=1) as host:
        pf = host.netdev(modelled.bdf(0))
        host.run("mkdir -p /var/run")
        host.ip("link set %s mtu 9000" % pf)
        host.ip("link set %s up" % pf)
        host.until(guest.is_up(pf))
        host.run("cd /sys/bus/pci/devices/%s; echo 0 >sriov_drivers_autoprobe; echo 1 >sriov_numvfs" % modelled.bdf(0))
        host.until(guest.is_up(pf))
        host.ip("link set %s vf 0 mac %s" % (pf, GIVEN))
        host.ip("link set %s vf 0 trust on" % pf)

        def mark(text):
            host.servers[0].ask("mark " + text)

        mark("Linux %s (Debian): ixgbe, ixgbevf with VF 0" % host.run("uname -r"))
        mark("its machine begins, and its interface goes up")
        with modelled.Linux([], served=host.servers[0].vfs) as machine:
            vf = machine.netdev(modelled.bdf(0))
            machine.ip("link set %s up" % vf)
            machine.until("%s link show %s | grep -q 'state UP'" % (modelled.IP, vf))
            for text, words in STEPS:
                mark(text)
                machine.ip(words.format(vf))
                machine.run("sleep 2")      # whatever the driver does about it later
            machine.until("%s link show %s | grep -q 'state UP'" % (modelled.IP, vf))
            mark("the PF goes down and up")
            host.ip("link set %s down" % pf)
            machine.until("%s link show %s | grep -q NO-CARRIER" % (modelled.IP, vf))
            host.ip("link set %s up" % pf)
            machine.until("%s link show %s | grep -q 'state UP'" % (modelled.IP, vf))
            machine.run("sleep 3")
            mark("its driver goes")
            machine.run("rmmod ixgbevf")
        print(host.servers[0].story())


def tidy(path):
    """The line that names the driver goes first; words of zeros at the end are left out."""
    with open(path, encoding="ascii") as f:
        lines = f.readlines()
    name = next(line for line in lines if line.startswith("# "))
    lines.remove(name)
    with open(path, "w", encoding="ascii") as f:
        f.writelines([name, *(re.sub("( 00000000)+$", "", line) for line in lines)])


if __name__ == "__main__":
    record(sys.argv[1])
    tidy(sys.argv[1])
