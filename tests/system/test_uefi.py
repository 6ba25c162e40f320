"""The UEFI application: load options, firmware that makes trouble, Secure Boot."""
import os
import shutil
import struct
import subprocess

import pytest

import boots
import qemu
from qemu import READY, Appliance

HOSTILE = os.path.join(qemu.BUILD, "hostile.efi")


def start(boot, **arguments):
    """A machine that need not get to its console."""
    return Appliance(boot=boot, nics=arguments.pop("nics", ()), wait_ready=False, **arguments)


class Hostile(boots.UefiKernel):
    def application(self):
        return HOSTILE


class Shell(boots.Uefi):
    """The UEFI shell starts the application, called by its name without a suffix."""

    def options(self):
        self.write("esp/startup.nsh", "fs0:\r\nmillrace %s\r\n" % self.machine.append)
        shutil.copy(self.application(), self.path("esp/millrace.efi"))
        self.write_configuration("esp")
        return [*self.firmware(), "-drive", "if=none,id=medium,format=raw,readonly=on,file=fat:" + self.path("esp"),
                "-device", "virtio-blk-pci,drive=medium"]


class Chain(boots.Uefi):
    """GRUB's chainloader starts the application from a folder of its own."""

    def options(self):
        config = self.write("grub.cfg", "search --set=root --file /EFI/millrace/millrace.efi\n"
                                        "chainloader /EFI/millrace/millrace.efi loglevel=debug\nboot\n")
        self.write("esp/EFI/BOOT/BOOTX64.EFI", b"")
        subprocess.run(["grub-mkimage", "-O", "x86_64-efi", "-p", "/", "-c", config, "-o",
                        self.path("esp/EFI/BOOT/BOOTX64.EFI"), "part_msdos", "fat", "search", "chain", "boot"],
                       check=True)
        self.write_configuration("esp/EFI")
        shutil.copy(self.application(), self.path("esp/EFI/millrace/millrace.efi"))
        return [*self.firmware(), "-drive", "if=none,id=medium,format=raw,readonly=on,file=fat:" + self.path("esp"),
                "-device", "virtio-blk-pci,drive=medium,bootindex=0"]


boots.KINDS.update({"hostile": Hostile, "shell": Shell, "chain": Chain})


def test_load_options_are_the_command_line():
    """UEFI 2.10 9.1; QEMU hands -append over, without a name in front."""
    with Appliance(boot="efi-kernel", append="loglevel=debug -- forward io; port 0 mtu 1400") as appliance:
        assert READY.search(appliance.transcript).group(2) == "io"
        assert "  at " in appliance.transcript
        assert "mtu 1400" in appliance.command("show config")


def test_the_shell_passes_its_line_on():
    """UEFI Shell 2.2: load options begin with the name that was typed."""
    with Appliance(boot="shell", nics=(), config="forward l2\n",
                   append="loglevel=error -- forward mac") as appliance:
        assert READY.search(appliance.transcript).group(2) == "mac"
        assert "millrace: millrace.conf, 11 bytes" in appliance.transcript
        assert "exceptions:" not in appliance.transcript


def test_the_memory_map_may_change_before_boot_services_end():
    """UEFI 2.10 7.4.6: ExitBootServices() refuses an old map, and has to be called again."""
    with Appliance(boot="hostile", append="moving", nics=()) as appliance:
        assert READY.search(appliance.transcript)


def test_a_map_that_never_settles_resets_the_machine():
    """There is no way back after the first try (7.4.6), and no way on."""
    with start("hostile", append="never", extra=["-no-reboot"]) as appliance:
        assert appliance.wait_exit(qemu.BOOT_LIMIT) == 0
        assert "it came back" not in appliance.transcript


def test_memory_that_firmware_keeps_is_not_overwritten():
    """The image has one place; what is in its way is named, and firmware goes on."""
    with start("hostile", append="taken") as appliance:
        appliance.read_until(r"firmware keeps memory of type 6, 120000 to 121000; "
                             r"the image needs 100000 to [0-9a-f]+", qemu.BOOT_LIMIT)
        appliance.read_until(r"no room: Out of Resources")
        appliance.read_until(r"it came back: Out of Resources")
        assert appliance.wait_exit() == 0


def test_a_disk_has_a_configuration_for_each_card():
    """millrace-MAC.conf goes before millrace.conf, for a card that firmware drives."""
    own = "millrace-%s.conf" % qemu.port_mac(1).replace(":", "-")
    config = {own: "forward io\n", "millrace.conf": "forward l2\n"}
    with Appliance(boot="efi", config=config) as appliance:     # no card is in the boot order
        assert READY.search(appliance.transcript).group(2) == "io"


def test_started_by_grub_it_finds_what_lies_beside_it():
    """GRUB tells folder and file in two nodes of the path (10.3.5.4)."""
    config = {"millrace/millrace.conf": "forward mac\n", "millrace.conf": "forward io\n"}
    with Appliance(boot="chain", config=config) as appliance:
        assert "millrace: millrace.conf, 12 bytes" in appliance.transcript
        assert READY.search(appliance.transcript).group(2) == "mac"


@pytest.mark.parametrize("boot", ["efi", "efi-pxe", "efi-http"])
def test_a_configuration_that_cannot_be_read_is_not_replaced_by_another(boot):
    """A machine's own is there, but over 1 MiB: everybody's would be the wrong one."""
    own = "millrace-%s.conf" % qemu.port_mac(0).replace(":", "-")
    config = {own: "# long\n" * 160000 + "forward io\n", "millrace.conf": "forward l2\n"}
    with Appliance(boot=boot, config=config, nics=["virtio-net-pci,bootindex=1" if boot == "efi" else "virtio"],
                   wait_ready=False) as appliance:
        assert appliance.ready().group(3) == "stopped"
        assert "error: configuration: the file is too long, expected at most 1 MiB" in appliance.transcript
        assert "configuration: 1 error" in appliance.transcript


def test_the_application_has_no_time_in_it():
    """PE/COFF 3.3: the file header's TimeDateStamp is zero, so the same input gives the same bytes."""
    with open(os.path.join(qemu.BUILD, "millrace.efi"), "rb") as f:
        data = f.read(4096)
    header = struct.unpack_from("<I", data, 0x3c)[0]
    assert data[header:header + 4] == b"PE\0\0"
    assert struct.unpack_from("<I", data, header + 8)[0] == 0


# Secure Boot ----------------------------------------------------------------------------

KEY, CERTIFICATE = "/usr/share/ovmf/PkKek-1-snakeoil.key", "/usr/share/ovmf/PkKek-1-snakeoil.pem"


class Secure(boots.Uefi):
    """OVMF with Secure Boot on, and the certificate of Debian's test key in its lists."""
    code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
    variables = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"

    def firmware(self):
        # Without SMM the lists would be writable for anybody, and this OVMF does not start.
        return ["-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
                *boots.Uefi.firmware(self)]


class Signed(Secure):
    def application(self):
        key, signed = self.path("owner.key"), self.path("signed.efi")
        subprocess.run(["openssl", "pkey", "-in", KEY, "-passin", "pass:snakeoil", "-out", key], check=True)
        subprocess.run(["sbsign", "--key", key, "--cert", CERTIFICATE, "--output", signed,
                        Secure.application(self)], check=True)
        return signed


class Tampered(Signed):
    def application(self):
        signed = Signed.application(self)
        with open(signed, "r+b") as f:
            data = f.read()
            at = data.index(b"\x7fELF") + 0x2000        # in the image that it carries
            f.seek(at)
            f.write(bytes([data[at] ^ 1]))
        return signed


boots.KINDS.update({"secure": Secure, "signed": Signed, "tampered": Tampered})


def test_secure_boot_starts_what_its_owner_signed():
    """UEFI 2.10 32.4: an image is checked against the list of allowed certificates."""
    with Appliance(boot="signed", config="forward l2\n") as appliance:
        assert READY.search(appliance.transcript).group(1, 2) == ("2", "l2")


@pytest.mark.parametrize("boot", ["secure", "tampered"])
def test_secure_boot_refuses_what_is_unsigned_or_changed(boot):
    with start(boot) as appliance:
        appliance.read_until(r"(Access Denied|Security Violation)", qemu.BOOT_LIMIT)
        assert "millrace 0" not in appliance.transcript
        appliance.kill()
