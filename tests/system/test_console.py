"""The commands of contract.md, from the console, the configuration file and the command line."""
import json
import os
import re

import pytest

import qemu
from qemu import ROOT, Appliance

# contract.md, Commands.
SHOWS = ["version", "config", "ports", "port 0", "stats", "stats json", "pci", "pci 00:00.0", "iommu", "fdb",
         "routes", "neighbors", "cpu", "memory", "log"]


@pytest.fixture(scope="module")
def appliance():
    with Appliance(config="port 0 address 192.0.2.1/24\nport 1 address 198.51.100.1/24\nforward l3\n") as a:
        yield a


@pytest.mark.parametrize("what", SHOWS)
def test_show(appliance, what):
    assert appliance.must("show " + what).strip()


def test_show_version_names_the_build(appliance):
    """contract.md: version, commit, date of the commit, compiler."""
    text = appliance.must("show version")
    assert re.search(r"\d+\.\d+\.\d+", text)
    assert re.search(r"[0-9a-f]{7,}|unknown", text)
    assert re.search(r"\d{4}-\d\d-\d\d|unknown", text)
    assert re.search(r"gcc|clang", text, re.I)


def test_stats_json_has_the_fields_of_the_contract(appliance):
    stats = appliance.stats()
    assert isinstance(stats["uptime_us"], int) and stats["forwarding"] == "l3"
    port = stats["ports"][0]
    for field in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_dropped", "tx_dropped",
                  "rx_errors", "rx_missed", "port"):
        assert isinstance(port[field], int), field
    assert port["driver"] == "virtio" and port["link"] == "up"
    assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", port["bdf"])
    assert port["mac"] == qemu.port_mac(0)
    assert isinstance(port["drops"], dict)
    core = stats["cores"][0]
    assert core["core"] == 0 and core["role"] == "control+worker"
    assert {"packets", "busy_cycles", "idle_cycles"} <= set(core)
    assert len(appliance.must("show stats json").strip().splitlines()) == 1


def test_every_reason_to_drop_is_told_in_the_documents(appliance):
    with open(os.path.join(ROOT, "docs", "console.md"), encoding="utf-8") as f:
        told = re.findall(r"^\| `(\w+)` \| (?:in|out) \| .+ \|$", f.read(), re.M)
    assert told == list(appliance.stats()["ports"][0]["drops"])


def test_configuration_can_be_fed_back(appliance):
    for line in ("route add 203.0.113.0/24 via 198.51.100.2", "port 0 address 10.1.2.3/9",
                 "neighbor add 198.51.100.2 02:00:00:00:00:99 port 1"):
        appliance.must(line)
    config = appliance.must("show config")
    for line in ("route delete 203.0.113.0/24", "port 0 no address 10.1.2.3/9", "neighbor delete 198.51.100.2"):
        appliance.must(line)
    assert appliance.must("show config") != config
    with Appliance(config=config) as second:
        assert "error" not in second.transcript
        assert second.must("show config") == config


# Each gets one line that begins with error:, tells what was expected, and changes nothing.
WRONG = [
    "nonsense", "show", "show nothing", "port", "port 99 up", "port 9999999999999999999 up", "port x up",
    "port 0 sideways", "port 0 address 192.0.2.300/24", "port 0 address 192.0.2.1/33",
    "port 0 address 192.0.2.1", "port 0 mac 02:00:00:00:00", "port 0 mac ff:ff:ff:ff:ff:ff",
    "port 0 mac 01:00:00:00:00:01", "port 0 mtu 5", "port 0 mtu 99999", "port 0 mtu -1",
    "port ff:1f.7 up", "route add 203.0.113.0/24", "route add 203.0.113.0/24 via 10.9.9.9",
    "route add 203.0.113.0/99 via 198.51.100.2", "route delete 203.0.113.0/24", "route add via",
    "fdb add 01:00:00:00:00:01 port 0", "fdb delete 02:00:00:00:00:77",
    "neighbor add 198.51.100.2 ff:ff:ff:ff:ff:ff port 1", "neighbor delete 198.51.100.77",
    "forward", "forward sideways", "start sideways", "show pci zz:00.0", "show port 77",
    "route add 2001:db8::/32 via 2001:db8::1", "port 0 address 2001:db8::1/129", "show vfs extra words",
    "vf 00:02.0 count 4", "help nonsense", "no address", "show stats xml", "ping 300.1.1.1",
    "port delete 0", "port add pcap rx nothing.pcap", "port add pcap tx a;b", "port add ring number 0", "set portlist 9",
    "set portlist 0,0", "set noisy memory 3", "set burst 33", "set txpkts 20", "mac_addr add 0 01:00:00:00:00:01",
    "mac_addr remove 0 02:00:00:00:00:77", "capture stop", "capture start 0 filter 1,2", "capture start 0 limit 1",
    "file delete nothing", "file send nothing", "fdb size 1", "bridge delete br9", "interface add 0.4095",
    "interface delete 0", "debug crash nothing", "rx_vlan add 4095 0", "port 0 queue 9 core 0", "port 0 queue 0 core 99",
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_error_and_changes_nothing(appliance, line):
    before = appliance.must("show config")
    output = appliance.command(line)
    assert len(output.strip().splitlines()) == 1 and output.startswith("error: "), output
    assert ", expected " in output, output
    assert appliance.must("show config") == before


def test_unique_abbreviations(appliance):
    assert appliance.must("sh ver") == appliance.must("show version")
    assert appliance.command("s v").startswith("error: 's' is ambiguous, expected set, show, ")


def test_help_names_every_command(appliance):
    text = appliance.must("help")
    for word in ("show", "clear stats", "port", "route", "fdb", "neighbor", "forward", "start", "stop",
                 "ping", "poweroff", "reboot"):
        assert word in text
    assert "via" in appliance.must("help route")


def test_tab_completes(appliance):
    appliance.type("show vers\t\n")
    appliance.read_until(r"\d+\.\d+\.\d+.*?%s\Z" % re.escape(qemu.PROMPT))


def test_history_and_line_editing(appliance):
    wanted = appliance.must("show version")
    appliance.type("\x1b[A\n")                                  # up
    assert wanted in appliance.read_until(r"show version\n(.*?)%s\Z" % re.escape(qemu.PROMPT)).group(1)
    appliance.type("show versixx\x7f\x7fon\n")                  # backspace
    assert wanted in appliance.read_until(r"\n(.*?)%s\Z" % re.escape(qemu.PROMPT)).group(1)


def test_what_is_pasted_while_a_command_waits_runs_afterwards(appliance):
    appliance.type("ping 198.51.100.77 count 2\nshow version\nshow cpu\n")
    appliance.read_until(r"no answer to 2\n2 sent, 0 received\n%sshow version\n.*commit .*%sshow cpu\n.*%s\Z"
                         % (qemu.PROMPT, qemu.PROMPT, qemu.PROMPT))


def test_control_c_alone_interrupts(appliance):
    appliance.type("ping 198.51.100.77 count 1000\n")
    appliance.read_until(r"no answer to 1\n")
    appliance.type("show version\n\x03")
    appliance.read_until(r"sent, 0 received\n%sshow version\n.*commit .*%s\Z" % (qemu.PROMPT, qemu.PROMPT))


def test_comments_and_blank_lines_are_nothing(appliance):
    assert appliance.command("# port 0 down").strip() == ""
    assert appliance.command("").strip() == ""
    assert appliance.must("show version # and this").strip()


def still_works(appliance):
    assert appliance.stats()["ports"]


def test_a_line_of_5000_characters_is_one_error(appliance):
    appliance.type("x" * 5000 + "\n")
    appliance.read_until(r"error: [^\n]*\n%s\Z" % re.escape(qemu.PROMPT))
    assert appliance.transcript.count("error: ", appliance.seen - 200) == 1
    still_works(appliance)


def test_binary_junk_is_survived(appliance):
    junk = bytes(n for n in range(256) if n not in b"\r\n") * 16
    appliance.type(junk + b"\n")
    appliance.type(b"\x03\x15\n")                               # abandon what is left of the line
    appliance.read_until(re.escape(qemu.PROMPT))
    appliance.command("# in step again")
    still_works(appliance)


def test_down_and_up(appliance):
    appliance.must("port 1 down")
    assert appliance.stats()["ports"][1]["link"] != "up" or "down" in appliance.must("show port 1")
    assert "port 1 down" in appliance.must("show config")
    appliance.must("port 1 up")
    assert "port 1 down" not in appliance.must("show config")


def test_modes_switch_live(appliance):
    for mode in ("io", "mac", "macswap", "rxonly", "l2", "l3"):
        output = appliance.command("forward " + mode)
        if mode != "rxonly":
            assert "error" not in output
            assert appliance.stats()["forwarding"] == mode
    appliance.must("stop")
    assert appliance.stats()["forwarding"] in ("stopped", "l3")
    appliance.must("start")
    assert appliance.stats()["forwarding"] == "l3"


def test_clear_stats(appliance):
    appliance.must("clear stats")
    port = appliance.stats()["ports"][0]
    assert port["rx_packets"] == port["tx_packets"] == 0


# Configuration file and command line


def test_configuration_errors_are_told_with_their_line_and_counted():
    config = "port 0 address 192.0.2.1/24\nport 9 up\n# fine\nroute add 1.2.3.0/24\nforward l3\n"
    with Appliance(config=config) as appliance:
        errors = [line for line in appliance.transcript.splitlines() if line.startswith("error: ")]
        assert len(errors) == 2
        assert "line 2" in errors[0] and "line 4" in errors[1]
        assert re.search(r"^(?!error: ).*\b2 errors", appliance.transcript, re.M)
        assert appliance.stats()["forwarding"] == "l3"          # the rest was done
        assert "192.0.2.1/24" in appliance.must("show config")


def test_a_corrupt_configuration_file_is_survived():
    with Appliance(config=bytes(range(256)) * 40) as appliance:
        assert "error: " in appliance.transcript
        still_works(appliance)


def test_a_configuration_file_without_a_last_newline():
    with Appliance(config="forward macswap") as appliance:
        assert appliance.stats()["forwarding"] == "macswap"


def test_a_configuration_file_from_windows():
    with Appliance(config="port 0 mtu 1400\r\nforward l2\r\n") as appliance:
        assert "error" not in appliance.transcript
        assert appliance.stats()["forwarding"] == "l2"


def test_ten_thousand_lines():
    lines = ["port 1 address 198.51.100.1/24"]
    for n in range(9998):
        lines.append("route add 10.%d.%d.0/24 via 198.51.100.2" % (n >> 8, n & 255))
    lines.append("forward l3")
    with Appliance(config="\n".join(lines) + "\n") as appliance:
        assert "error" not in appliance.transcript
        assert qemu.READY.search(appliance.transcript).group(2) == "l3"
        assert appliance.must("show routes").count("via 198.51.100.2") == 9998


def test_commands_on_the_command_line_come_after_the_file():
    with Appliance(config="forward l2\n", append="-- port 0 address 192.0.2.1/24; forward l3") as appliance:
        assert appliance.stats()["forwarding"] == "l3"
        assert "192.0.2.1/24" in appliance.must("show config")


def test_a_quoted_command_part_and_escaped_separators():
    with Appliance(append=r'-- "port 0 address 192.0.2.1/24\; forward io"') as appliance:
        assert appliance.stats()["forwarding"] == "io"


def test_wrong_options_and_commands_on_the_command_line():
    with Appliance(append="loglevel=loud colour=red -- forward sideways; forward io") as appliance:
        errors = [line for line in appliance.transcript.splitlines() if line.startswith("error: ")]
        assert len(errors) == 3
        assert appliance.stats()["forwarding"] == "io"


def test_a_port_is_named_by_its_address_in_a_configuration():
    with Appliance() as appliance:
        bdf = appliance.stats()["ports"][1]["bdf"]
        appliance.must("port %s mtu 1400" % bdf)
        assert "1400" in appliance.must("show port 1")
    with Appliance(config="port %s mtu 1300\n" % bdf) as appliance:
        assert "error" not in appliance.transcript
        assert "1300" in appliance.must("show port 1")


def test_json_is_json_while_ports_are_failed_or_absent():
    with Appliance(nics=()) as appliance:
        assert json.loads(appliance.must("show stats json"))["ports"] == []
