"""Linux with a PF of a model's, whose own driver makes VFs for other machines: the host of test_linux_pf.py and
test_linux_i40e_pf.py."""
import re

import guest
import modelled

GIVEN = "02:00:00:00:03:00"
VFS = 2
HOST, FAR = "192.0.2.9", "198.51.100.9"
ROUTER = "port 0 address 192.0.2.1/24\nport 1 address 198.51.100.1/24\nforward l3\n"
VLAN = 100      # that the host gives VF 1


class Host(modelled.Linux):
    """Linux with the PF; the test is at the far end of its cable.  VF 1 is in a VLAN, and so is the host's `far` namespace."""

    def __init__(self, *options, **more):
        super().__init__([("pf", ["-m", "1", *options])], vfs=VFS, **more)

    def begin(self):
        self.pf = self.netdev(modelled.bdf(0))
        self.run("mkdir -p /var/run")
        self.ip("link set %s up" % self.pf)
        self.until(guest.is_up(self.pf))
        self.make_vfs()
        self.make_bulk()
        return self

    def make_vfs(self):
        """The other machine's driver has them, none of this one."""
        self.run("cd /sys/bus/pci/devices/%s; echo 0 >sriov_drivers_autoprobe; echo %d >sriov_numvfs"
                 % (modelled.bdf(0), VFS))
        self.until(guest.is_up(self.pf))
        self.vf("mac " + GIVEN)

    def vf(self, words, number=0):
        self.ip("link set %s vf %d %s" % (self.pf, number, words))

    def told(self, number=0):
        """What the PF's driver says of a VF."""
        return re.search(r"^ *vf %d .*$" % number, self.ip("link show " + self.pf), re.M).group(0)

    def passed(self, number=0):
        return self.servers[0].vfs[number]

    def make_network(self):
        """The host's own end, in both networks of ROUTER."""
        self.ip("address add %s/24 dev %s" % (HOST, self.pf))
        self.ip("netns add far")
        self.ip("link add link %s name tagged type vlan id %d" % (self.pf, VLAN))
        self.ip("link set tagged netns far")
        self.ip("-n far address add %s/24 dev tagged" % FAR)
        self.ip("-n far link set tagged up")
        self.vf("vlan %d" % VLAN, 1)
        self.ip("route add 198.51.100.0/24 via 192.0.2.1")
        self.ip("-n far route add 192.0.2.0/24 via 198.51.100.1")
