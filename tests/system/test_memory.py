"""Little memory: tables take what ports leave, and ports always find what they need."""
import re

import pytest

from addresses import ARP, BROADCAST, Ether, IP, PORT, UDP
from qemu import Appliance

ADDRESSES = "port 0 address 192.0.2.1/24\nport 1 address 10.0.0.1/8\nforward l3\n"
FLOOD = 3000


def forwards(appliance):
    """A datagram from either side comes out of the other."""
    a, b = "02:00:00:00:0a:02", "02:00:00:00:0b:02"
    for port, mac, ip, ours in ((0, a, "192.0.2.2", "192.0.2.1"), (1, b, "10.0.0.2", "10.0.0.1")):
        appliance.wires[port].send(Ether(src=mac, dst=BROADCAST)
                                   / ARP(op=1, hwsrc=mac, psrc=ip, pdst=ours))
        appliance.wires[port].expect(lambda frame: frame[12:14] == b"\x08\x06" and frame[21] == 2)
    for port, mac, source, to in ((0, a, "192.0.2.2", "10.0.0.2"), (1, b, "10.0.0.2", "192.0.2.2")):
        appliance.wires[port].send(Ether(src=mac, dst=PORT[port]) / IP(src=source, dst=to)
                                   / UDP(sport=7, dport=7) / bytes(32))
        appliance.wires[1 - port].expect(lambda frame: frame[12:14] == b"\x08\x00" and frame[23] == 17)


def starts_again(appliance):
    for port in "01":
        appliance.must("port %s down" % port)
        appliance.must("port %s up" % port)
        assert "running\n" in appliance.command("show port " + port)


LEAST = 5       # MiB; docs/limits.md says so


@pytest.mark.parametrize("mib", [LEAST, LEAST + 1])     # with one more the packets fill more than 2 MiB
def test_two_ports_are_routed_with_the_least_memory(mib):
    with Appliance(memory=mib, config=ADDRESSES) as appliance:
        forwards(appliance)
        starts_again(appliance)
        forwards(appliance)
        assert "no memory" not in appliance.transcript


def test_with_less_it_is_said_what_there_is_no_memory_for():
    """The ports run and addresses are in use, but rings have all packets: none is left for an answer."""
    mac = "02:00:00:00:0a:02"
    with Appliance(memory=LEAST - 1, config=ADDRESSES) as appliance:
        for port in "01":
            assert "running\n" in appliance.command("show port " + port)
        assert "inactive" not in appliance.command("show routes")
        appliance.wires[0].send(Ether(src=mac, dst=BROADCAST)
                                / ARP(op=1, hwsrc=mac, psrc="192.0.2.2", pdst="192.0.2.1"))
        appliance.settled(1, 0)
        assert not appliance.stats()["ports"][0]["originated"]
        assert re.search(r"packets +\d of ", appliance.command("show memory"))


def test_with_least_of_all_the_console_says_so():
    """No port starts, and whoever asks is told why: tasks have what they need before ports take the rest."""
    with Appliance(memory=LEAST - 2, config=ADDRESSES) as appliance:
        assert "no memory to start" in appliance.command("show port 0")
        assert "panic" not in appliance.transcript


def test_bridging_needs_less():
    with Appliance(memory=LEAST - 1, config="forward l2\n") as appliance:
        for number in range(1000):
            frame = bytes(Ether(src="02:00:00:00:0a:02", dst=BROADCAST, type=0x88b5) / number.to_bytes(64, "big"))
            appliance.wires[0].send(frame)
            assert appliance.wires[1].expect(lambda got: got[12:14] == b"\x88\xb5") == frame
        assert "no memory" not in appliance.transcript


@pytest.mark.parametrize("mib, routes, prefix", [(8, 24000, "20.%d.%d.0/25"), (8, 40000, "20.0.%d.%d/32")])
def test_routes_leave_the_ports_their_memory(mib, routes, prefix):
    """One error line for each route that there is no memory for; the others and the ports are in use."""
    lines = ["route add %s via 10.0.0.%d" % (prefix % (n >> 8, n & 255), 2 + n % 9) for n in range(routes)]
    with Appliance(memory=mib, config=ADDRESSES + "\n".join(lines) + "\n") as appliance:
        refused = len(re.findall("no memory for another route", appliance.transcript))
        assert 0 < refused < routes
        assert appliance.transcript.count("no memory") == refused       # and of nothing else
        static = re.search(r"static +(\d+), (\d+) inactive", appliance.command("show routes summary"))
        assert static.groups() == (str(routes - refused), "0")
        forwards(appliance)
        starts_again(appliance)
        forwards(appliance)


def test_neighbors_leave_the_ports_their_memory():
    """Anybody can say by ARP that he is many: then he is not believed any more."""
    with Appliance(memory=8, config=ADDRESSES) as appliance:
        for n in range(FLOOD):
            mac = "02:00:00:01:%02x:%02x" % (n >> 8, n & 255)
            ip = "10.%d.%d.7" % (n >> 8, n & 255)
            appliance.wires[1].send(Ether(src=mac, dst=BROADCAST)
                                    / ARP(op=1, hwsrc=mac, psrc=ip, pdst="10.0.0.1"))
            if n % 64 == 63:
                appliance.settled(n + 1, 1)
        memory = appliance.command("show memory")
        free, reserve = (int(re.search(name + r" +(\d+) KiB", memory).group(1)) for name in ("free", "reserve"))
        assert free >= reserve > 0
        starts_again(appliance)
        for wire in appliance.wires:
            wire.drain()
        forwards(appliance)
