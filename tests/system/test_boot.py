"""Boot paths, the ready line, power off and reboot, limits of the image (contract.md)."""
import os
import re
import socket
import struct
import subprocess
import time

import pytest

import qemu
from debugger import Debugger
from qemu import Appliance


def test_ready_line_names_ports_and_state():
    with Appliance(config="forward l2\n") as appliance:
        match = qemu.READY.search(appliance.transcript)
        assert (match.group(1), match.group(2)) == ("2", "l2")
        print("image's own part: %s us; QEMU start to ready: %.0f ms"
              % (match.group(4), appliance.ready_after * 1000))


def test_without_a_configuration_forwarding_is_stopped_in_l2():
    with Appliance() as appliance:
        assert qemu.READY.search(appliance.transcript).group(3) == "stopped"
        assert appliance.stats()["forwarding"] in ("l2", "stopped")
        assert "error" in appliance.command("forward nosuch")


@pytest.mark.parametrize("machine", ["q35", "pc", "microvm,acpi=on,pit=on,pic=on,rtc=on"])
def test_kernel_enters_through_pvh(machine):
    nics = () if machine.startswith("microvm") else ("virtio", "virtio")
    with Appliance(nics=nics, machine=machine) as appliance:
        assert "PVH" in appliance.transcript
        assert qemu.READY.search(appliance.transcript).group(1) == str(len(nics))


def test_iso_enters_through_multiboot2_and_reads_its_configuration():
    with Appliance(boot="iso", config="port 0 address 192.0.2.1/24\nforward l3\n") as appliance:
        assert "Multiboot2" in appliance.transcript
        assert qemu.READY.search(appliance.transcript).group(2) == "l3"
        assert "192.0.2.1/24" in appliance.command("show config")


def test_iso_passes_the_command_line_on():
    with Appliance(boot="iso", append=r"loglevel=debug -- forward io") as appliance:
        assert qemu.READY.search(appliance.transcript).group(2) == "io"


def test_the_elf_is_multiboot2():
    run = subprocess.run(["grub-file", "--is-x86-multiboot2", qemu.IMAGE], check=False)
    assert run.returncode == 0


def test_multiboot1_header_lies_where_qemu_does_not_look():
    """QEMU scans up to 8144 and would enter there; GRUB and iPXE scan 8192 (Multiboot 0.6.96, 3.1)."""
    with open(qemu.IMAGE, "rb") as f:
        data = f.read(8192)
    at = [n for n in range(0, 8192 - 12, 4) if struct.unpack_from("<I", data, n)[0] == 0x1badb002]
    assert len(at) == 1 and 8144 <= at[0] <= 8160
    magic, flags, checksum = struct.unpack_from("<III", data, at[0])
    assert (magic + flags + checksum) & 0xffffffff == 0
    assert flags & 1 << 16, "address fields: iPXE refuses an ELF64 without"


def test_image_is_below_768_kib():
    assert os.path.getsize(qemu.IMAGE) < 768 << 10


@pytest.mark.parametrize("boot, mib", [("pvh", 8), ("iso", 16)])
def test_runs_in_little_memory(boot, mib):
    # 16 MiB hold GRUB and the image; the ISO's own configuration is the default one.
    with Appliance(memory=mib, boot=boot, config=None) as appliance:
        assert qemu.READY.search(appliance.transcript).group(1) == "2"
        appliance.must("forward l2")
        appliance.wires[0].send(bytes.fromhex("020000000b02" "020000000a02" "88b5") + bytes(46))
        appliance.wires[1].expect(lambda frame: frame[12:14] == b"\x88\xb5")


@pytest.mark.parametrize("machine,timer,nics", [("q35", "the ACPI timer", ["virtio"]),
                                                ("pc,acpi=off", "the 8254", ["e1000e"])])
def test_the_clock_is_measured_well_in_the_end(machine, timer, nics):
    """A card takes 35 ms of the boot, in which the 8254 may go round: then it is measured again."""
    with Appliance(machine=machine, nics=nics) as appliance:
        end = time.monotonic() + 30
        while not (match := re.search(r"time: TSC at (\d+) kHz, by %s over (\d+) us" % timer,
                                      appliance.command("show log"))):
            assert time.monotonic() < end
        assert int(match.group(2)) >= 1000 and int(match.group(1)) > 100000
        appliance.kill()


@pytest.mark.parametrize("pit,source", [("on", "the 8254"), ("off", "a guess")])
def test_show_version_says_who_told_the_clock(pit, source):
    with Appliance(machine="microvm,acpi=off,pit=" + pit, nics=(), extra=["-cpu", "qemu64"]) as appliance:
        assert re.search(r"^clock     TSC at \d+ MHz, by %s$" % source, appliance.command("show version"), re.M)
        appliance.kill()


def test_tables_under_the_configuration_are_told():
    """SeaBIOS keeps them at the end of RAM on microvm, where QEMU puts the file; qboot does not."""
    long = "# a comment\n" * 300     # 3.6 KiB
    with Appliance(machine="microvm,pcie=on,acpi=on", nics=(), config=long) as appliance:
        assert "error: the loader has put the configuration over firmware's ACPI tables" in appliance.transcript
        assert "there is no other way than ACPI" in appliance.command("poweroff") + appliance.transcript
        appliance.kill()
    with Appliance(machine="microvm,pcie=on,acpi=on", nics=(), config=long, extra=["-bios", "qboot.rom"]) as appliance:
        assert "acpi: tables verified" in appliance.transcript


def test_poweroff_ends_qemu_with_zero():
    with Appliance(nics=()) as appliance:
        appliance.poweroff()
        assert appliance.process.returncode == 0


@pytest.mark.parametrize("machine", ["q35", "pc"])
def test_the_power_button_turns_it_off(machine):
    with Appliance(nics=(), machine=machine) as appliance:
        appliance.monitor("system_powerdown")
        assert appliance.wait_exit() == 0
        assert "power button: turning off" in appliance.transcript


def test_reboot_boots_again():
    with Appliance(nics=()) as appliance:
        appliance.type("reboot\n")
        appliance.ready()
        assert appliance.transcript.count("ready: ") == 2


def test_reboot_resets_a_machine_that_shall_not_come_back():
    with Appliance(nics=(), extra=["-no-reboot"]) as appliance:
        appliance.type("reboot\n")
        assert appliance.wait_exit() == 0


@pytest.mark.parametrize("boot", ["pvh", "iso"])
def test_the_third_panic_in_a_row_is_the_last(boot):
    """contract.md: resets after 10 s; after three in a row it stays and says why.  The count has
    to outlive firmware and boot loader."""
    with Appliance(nics=(), config="debug crash null\n", append="loglevel=error", boot=boot,
                   wait_ready=False) as appliance:
        for count in (1, 2):
            appliance.read_until(r"panic: page fault, write of 0+: NULL pointer.*machine_crash\+.*"
                                 r"reset in 10 s \(panic %d of 3 in a row\)" % count, 60)
        appliance.read_until(r"NULL pointer.*halted: third panic in a row", 60)
        assert appliance.process.poll() is None
        appliance.kill()


@pytest.mark.parametrize("crash,words", [
    ("stack", r"write of 00001[0-9a-f]+: stack overflow.*overflow_stack\S*\+.*overflow_stack\S*\+"),
    ("invalid", r"invalid opcode.*machine_crash\+.*cmd_debug_crash\+.*command_run_in\+.*console_task\+"),
])
def test_a_panic_on_a_task_is_told(crash, words):
    """A command at the prompt runs on a stack of its own, which has a guard page and a backtrace too."""
    with Appliance(nics=(), append="panic=halt") as appliance:
        appliance.type("debug crash %s\n" % crash)
        appliance.read_until(r"panic: [^\n]*%s.*halted" % words)
        appliance.kill()


def test_a_loader_may_leave_five_level_paging_on(tmp_path):
    """GRUB comes from firmware's long mode and takes CR4.LA57 along; our tables have four levels."""
    if qemu.accelerator() != "tcg":
        pytest.skip("with KVM it is the host's CPU that has LA57 or not")
    debugger = Debugger(tmp_path)
    with Appliance(nics=(), extra=["-no-reboot", "-cpu", "qemu64,+la57", *debugger.options], wait_ready=False) as machine:
        debugger.connect(machine)
        at = debugger.run_to("start_pvh")
        scratch = 0x7000
        code = bytes.fromhex("b800100000" "0f22e0" "e9") + (at - scratch - 13 & 0xffffffff).to_bytes(4, "little")
        assert debugger.ask("M%x,%x:%s" % (scratch, len(code), code.hex())) == "OK"    # mov $1000h, %cr4; jmp
        assert debugger.ask("P10=%s" % scratch.to_bytes(8, "little").hex()) == "OK"
        debugger.run()
        machine.ready()


def test_a_machine_check_ends_in_a_report(tmp_path):
    """With CR4.MCE clear the CPU would shut down instead (SDM vol. 3, 6.15, interrupt 18)."""
    debugger = Debugger(tmp_path)
    with Appliance(nics=(), append="panic=halt", extra=debugger.options, wait_ready=False) as machine:
        debugger.connect(machine)
        debugger.run()
        machine.ready()
        machine.human_monitor("mce 0 1 0xbe00000000000134 0x5 0x1000 0x8c")
        machine.read_until(r"panic: machine check \(vector 18.*halted \(panic=halt\)", 60)
        machine.kill()


def test_a_panic_within_a_panic_still_resets():
    """contract.md: a panic resets after 10 s; an NMI while it tells of itself is no way out."""
    with Appliance(nics=(), append="loglevel=error -- debug crash null", wait_ready=False,
                   extra=["-no-reboot"]) as appliance:
        appliance.read_until(r"reset in 10 s", 30)
        appliance.monitor("inject-nmi")
        appliance.read_until(r"another one in the report\s+reset in 10 s \(panic 1 of 3", 5)
        assert appliance.wait_exit(40) == 0


def spcr(port):
    """A Serial Port Console Redirection table: 16550, I/O space (SPCR revision 2)."""
    address = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    body = struct.pack("<B3x12sBBIBBBBBBHHBBBIB4x", 0, address, 0, 4, 0, 7, 0, 1, 0, 0, 0,
                       0xffff, 0xffff, 0, 0, 0, 0, 0)
    return body


def test_console_goes_where_spcr_says(tmp_path):
    """The console is on the second serial port and the first stays silent."""
    table = tmp_path / "spcr"
    table.write_bytes(spcr(0x2f8))
    first = tmp_path / "first"
    with Appliance(nics=(), before=["-serial", "file:%s" % first],
                   extra=["-acpitable", "sig=SPCR,rev=2,data=%s" % table]) as appliance:
        assert "version" in appliance.command("help show version")
    assert b"ready:" not in first.read_bytes()


def test_console_option_chooses_the_port():
    machine = Appliance(nics=(), append="console=ttyS0,115200 loglevel=warning")
    with machine:
        assert "memory:" not in machine.transcript      # told at level info


def test_several_consoles_show_the_same(tmp_path):
    """QEMU's debug port beside the serial one; what is typed at one is seen on all."""
    path = tmp_path / "e9"
    with Appliance(nics=(), extra=["-debugcon", "file:%s" % path]) as appliance:
        appliance.must("show version")
        appliance.poweroff()
        text = path.read_text()
        assert "ready: 0 ports" in text and "show version" in text


class Person:
    """Who sits at a console that QEMU gives as a socket, beside the appliance's own."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(qemu.BOOT_LIMIT)
        self.socket.connect(str(path))
        self.text = ""

    def type(self, text):
        self.socket.sendall(text.encode())

    def read_until(self, pattern):
        while not re.search(pattern, self.text, re.S):
            piece = self.socket.recv(4096)
            assert piece, self.text
            self.text += piece.decode("ascii").replace("\r", "")
        return self.text


def test_two_people_at_two_consoles(tmp_path):
    """Serial and hvc0 are two sessions: neither sees what the other types, both see the log."""
    path = tmp_path / "hvc0"
    extra = ["-chardev", "socket,id=second,path=%s,server=on,wait=off" % path, "-device", "virtio-serial-pci",
             "-device", "virtconsole,chardev=second"]
    with Appliance(config="forward l2\n", extra=extra) as appliance:
        other = Person(path)
        other.type("show version\r")
        other.read_until(r"show version\n.*commit .*millrace> \Z")
        other.type("page 3\rshow ports\r")                # holds up this one alone
        other.read_until(r"--more--\Z")
        assert appliance.must("show cpu").strip() and "show version" not in appliance.transcript
        assert "--more--" not in appliance.transcript
        other.type("qpage off\rshow po")
        other.read_until(r"show po\Z")
        assert "port 0: link down" in appliance.must("port 0 down")
        other.read_until(r"port 0: link down\nmillrace> show po\Z")
        assert "show po" not in appliance.transcript
        assert "show cpu" not in other.text and "port 0 down" not in other.text


@pytest.mark.parametrize("machine,bus", [("q35", "virtio-serial-pci"), ("microvm,acpi=on", "virtio-serial-device")])
def test_virtio_console_alone(tmp_path, machine, bus):
    """virtio 1.2 5.3, over PCI and MMIO: commands and answers; the serial port stays silent."""
    first = tmp_path / "serial"
    with Appliance(nics=(), machine=machine, append="console=hvc0", before=["-serial", "file:%s" % first],
                   console=["-device", bus, "-device", "virtconsole,chardev=console"]) as appliance:
        assert "commit" in appliance.must("show version")
        assert "ready:" not in first.read_text()


def test_debug_port_alone(tmp_path):
    """console=debugcon: nothing on the serial port, and nothing to type at."""
    path = tmp_path / "e9"
    machine = Appliance(nics=(), append="console=debugcon", wait_ready=False, extra=["-debugcon", "file:%s" % path])
    with machine:
        deadline = time.monotonic() + qemu.BOOT_LIMIT
        while "millrace> " not in (path.read_text() if path.exists() else ""):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "ready:" not in machine.transcript
        machine.kill()


def test_ports_are_numbered_in_order_of_their_addresses():
    with Appliance(nics=["e1000", "virtio", "e1000"]) as appliance:
        ports = appliance.stats()["ports"]
        assert [p["port"] for p in ports] == [0, 1, 2]
        assert [p["driver"] for p in ports] == ["e1000", "virtio", "e1000"]
        assert [p["bdf"] for p in ports] == sorted(p["bdf"] for p in ports)
        assert [p["mac"] for p in ports] == [qemu.port_mac(n) for n in range(3)]


def test_a_nic_nobody_knows_is_no_port():
    with Appliance(nics=["virtio", "rtl8139"]) as appliance:
        assert qemu.READY.search(appliance.transcript).group(1) == "1"


def test_a_port_behind_a_bridge_is_found():
    with Appliance(nics=["virtio-net-pci,bus=rp"],
                   before=["-device", "pcie-root-port,id=rp,chassis=1"]) as appliance:
        (port,) = appliance.stats()["ports"]
        assert port["bdf"].startswith("0000:01:")
        assert port["link"] == "up"
