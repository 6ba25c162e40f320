#!/usr/bin/python3
"""record_virtchnl.py FOLDER - what Linux's iavf and DPDK's say to their PF, played as Linux's i40e and its ice serve
VFs: linux_i40e.txt, linux_ice.txt, dpdk_i40e.txt and dpdk_ice.txt.

tests/data/virtchnl/README.md tells the format.  Not a test: run by hand when there is reason to."""
import os
import re
import subprocess
import sys

import modelled
import pmd
from host import Host

KINDS = ("i40e", "ice")
OWN = "02:82:59:90:00:0%d"


def nics(folder, who):
    return [("vf", ["-c", kind, "-m", str(number + 1), "-q", "4", "-r", os.path.join(folder, "%s_%s.txt" % (who, kind))])
            for number, kind in enumerate(KINDS)]


def mark(machine, text):
    for server in machine.servers:
        server.ask("mark " + text)


STEPS = (("its interface goes up", "link set {} up"),
         ("MTU 9000", "link set {} mtu 9000"),
         ("VLAN 5", "link add link {0} name {0}.5 type vlan id 5"),
         ("a group is joined", "maddr add 01:00:5e:01:02:03 dev {}"),
         ("promiscuous", "link set {} promisc on"),
         ("no longer", "link set {} promisc off"),
         ("another address", "link set {} address 02:07:07:07:07:07"))


def all_of(machine, devices, words):
    for device in devices:
        machine.ip(words.format(device))


def up(machine, devices):
    for device in devices:
        machine.until("%s link show %s | grep -q 'state UP'" % (modelled.IP, device))


def take_steps(recorder, machine, devices):
    for text, words in STEPS:
        mark(recorder, text)
        all_of(machine, devices, words)
        up(machine, devices)
        machine.run("sleep 3")      # whatever the driver does about it later


def linux_by_linux(folder):
    """Linux's i40e has the PF."""
    with Host("-r", os.path.join(folder, "linux_by_linux.txt"), program="i40e_server", cpus=4) as host:
        host.begin()
        host.vf("trust on")
        mark(host, "Linux %s (Debian): i40e, iavf with VF 0" % host.run("uname -r"))
        with modelled.Linux([], served=[host.passed()]) as machine:
            devices = [machine.netdev(modelled.bdf(0))]
            take_steps(host, machine, devices)
            mark(host, "the PF resets the VF")
            host.vf("mac 02:07:07:07:07:08")
            machine.run("sleep 8")
            up(machine, devices)
            mark(host, "its interface goes down")
            all_of(machine, devices, "link set {} down")
            machine.run("sleep 2")
            mark(host, "its driver goes")
            machine.run("rmmod iavf")
        print(host.violations(), host.servers[0].story())


def linux(folder):
    with modelled.Linux(nics(folder, "linux"), program="iavf_server") as machine:
        version = machine.run("uname -r")
        mark(machine, "Linux %s (Debian), iavf on the model of a VF, whose PF is played" % version)
        devices = [machine.netdev(modelled.bdf(number)) for number in range(2)]

        def again():
            before = [int(server.ask("seen 3")[1]) for server in machine.servers]
            for server in machine.servers:
                server.ask("reset")
            for server, count in zip(machine.servers, before):
                modelled.guest.wait_for(lambda: int(server.ask("seen 3")[1]) > count, "its new beginning")
            up(machine, devices)

        take_steps(machine, machine, devices)
        mark(machine, "the link goes and comes")
        for state in (False, True):
            for server in machine.servers:
                server.link(state)
            machine.run("sleep 1")
        up(machine, devices)
        mark(machine, "the PF resets the VF")
        again()
        machine.run("sleep 3")
        mark(machine, "its interface goes down")
        all_of(machine, devices, "link set {} down")
        machine.run("sleep 2")
        mark(machine, "its driver goes")
        machine.run("rmmod iavf")
        assert machine.violations() == [0, 0], machine.story()


def dpdk(folder):
    with pmd.Machine(nics(folder, "dpdk"), "iavf_server") as machine:
        version = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=True)
        mark(machine, "DPDK %s, iavf on the model of a VF, whose PF is played" % version.stdout.strip())
        with pmd.Testpmd(machine, (0, 1)) as testpmd:
            for text, words in (("VLAN 5, and tags are stripped",
                                 "vlan set filter on {0}\nrx_vlan add 5 {0}\nvlan set strip on {0}"),
                                ("no longer", "rx_vlan rm 5 {0}\nvlan set strip off {0}\nvlan set filter off {0}"),
                                ("a group is joined, and left",
                                 "mcast_addr add {0} 01:00:5e:00:00:05\nmcast_addr remove {0} 01:00:5e:00:00:05"),
                                ("promiscuous no more", "set promisc {0} off"),
                                ("a second address", "mac_addr add {0} 02:00:00:00:00:56"),
                                ("another one in the first's place", "mac_addr set {0} 02:07:07:07:07:07")):
                mark(machine, text)
                for port in (0, 1):
                    testpmd.commands(words.format(port))
            mark(machine, "four queues, and MTU 9000")
            testpmd.again("port config all rxq 4\nport config all txq 4\n"
                          "port config mtu 0 9000\nport config mtu 1 9000")
            testpmd.command("port config all rss udp")
            mark(machine, "eight queues")
            testpmd.again("port config all rxq 8\nport config all txq 8")
            mark(machine, "the PF resets the VF")
            for server in machine.servers:
                server.ask("impend")
            testpmd.event("Port 0: reset event")
            for server in machine.servers:
                server.ask("reset")
            testpmd.commands("stop\nport stop all\nport reset all\nport start all")
            mark(machine, "its driver goes")
        assert machine.violations() == [0, 0], machine.story()


def tidy(path):
    """The line that names the driver is known only when that has begun to speak.  Of statistics two are enough."""
    with open(path, encoding="ascii") as f:
        lines = f.readlines()
    name = next(line for line in lines if line.startswith("# "))
    lines.remove(name)
    statistics = [number for number, line in enumerate(lines) if re.match("(vf|pf) 15 ", line)]
    with open(path, "w", encoding="ascii") as f:
        f.writelines([name, *(line for number, line in enumerate(lines) if number not in statistics[4:])])


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    linux(sys.argv[1])
    dpdk(sys.argv[1])
    linux_by_linux(sys.argv[1])
    for name in os.listdir(sys.argv[1]):
        tidy(os.path.join(sys.argv[1], name))
