"""Ports without hardware, added and deleted at the console, on one CPU and between workers."""
import pytest

from qemu import Appliance, check_law


def circulates(m, a, b):
    """Frames go round and round between two ports: more and more are received than ever were made."""
    enough = 10 * 32
    before = {p["port"]: p for p in m.stats()["ports"]}
    for _ in range(100):
        m.let_pass(20000)
        ports = {p["port"]: p for p in m.stats()["ports"]}
        if all(ports[n][way] - before[n][way] > enough for n in (a, b) for way in ("rx_packets", "tx_packets")):
            break
    else:
        raise AssertionError((before, ports))
    for n in (a, b):
        assert not ports[n]["rx_errors"] and not ports[n]["tx_errors"]
    return ports


@pytest.mark.parametrize("cpus", [1, 2], ids=["one_cpu", "between_workers"])
def test_two_rings_are_a_loop(cpus):
    with Appliance(nics=(), extra=["-smp", str(cpus)]) as m:
        assert "port 0: ring\n" in m.must("port add ring")
        assert "port 1: ring\n" in m.must("port add ring")
        m.must("forward io")
        m.must("stop")
        m.must("start tx_first")
        circulates(m, 0, 1)
        m.must("port 0 queues 2")
        m.must("port 1 queues 16")
        m.must("start tx_first")
        circulates(m, 0, 1)
        m.must("stop")
        check_law(m.stats())
        m.must("port delete 0")
        assert [p["port"] for p in m.stats()["ports"]] == [1]
        assert "port 0: null\n" in m.must("port add null size 1000")
        m.must("clear stats")       # what went took its counters along
        m.must("forward io")
        m.let_pass(20000)
        assert {p["port"]: p for p in m.stats()["ports"]}[1]["tx_packets"] > 0
        m.must("stop")
        check_law(m.stats())
        config = m.must("show config")
        assert "port add null size 1000 number 0\n" in config and "port add ring number 1\n" in config
        m.must("port delete 1")
