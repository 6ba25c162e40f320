"""The ways to boot: what each puts into the machine besides its ports.

A network boot goes through port 0: that wire ends in a hub then, together with QEMU's own DHCP and TFTP
server (10.0.2.2), so that tests can send frames to the port while it boots.
"""
import os
import shutil
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(ROOT, "build")
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"


class Boot:
    """PVH: QEMU loads the image itself."""
    protocol = "PVH"
    uefi = network = False
    memory = 64

    def __init__(self, machine):
        self.machine = machine      # an Appliance, whose folder is ours to write to

    def path(self, name):
        return os.path.join(self.machine.folder, name)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def device(self, number, device):
        """What the port's -device says in addition."""
        return device

    def netdev(self, number, netdev):
        """Options for the netdev called net<number>, which `netdev` describes without its id."""
        return ["-netdev", "%s,id=net%d" % (netdev, number)]

    def options(self):
        options = ["-kernel", self.machine.image]
        if self.machine.append:
            options += ["-append", self.machine.append]
        if self.machine.config is not None:
            options += ["-initrd", self.write("millrace.conf", self.machine.config)]
        return options

    def start(self):
        pass

    def stop(self):
        pass


class Iso(Boot):
    """GRUB from the CD."""
    protocol = "Multiboot2"
    medium = ["-device", "ide-cd,drive=medium,bootindex=0"]

    def iso(self):
        if self.machine.config is None and not self.machine.append:
            return os.path.join(BUILD, "millrace.iso")
        conf = self.write("millrace.conf", self.machine.config or "")
        subprocess.run([os.path.join(ROOT, "tools", "make-iso"), self.machine.image, self.path("test.iso"),
                        conf, self.machine.append], check=True)
        return self.path("test.iso")

    def options(self):
        return ["-drive", "if=none,id=medium,format=raw,readonly=on,file=" + self.iso(), *self.medium]


class Usb(Iso):
    """The same bytes on a USB stick."""
    medium = ["-device", "qemu-xhci", "-device", "usb-storage,drive=medium,bootindex=0"]


class Uefi(Boot):
    """OVMF starts the application from the usual place on a disk."""
    protocol = "UEFI"
    uefi = True
    memory = 128
    code, variables = OVMF, OVMF_VARIABLES

    def device(self, number, device):
        # Nobody boots through it: firmware needs no driver for it.
        return device + ",romfile="

    def firmware(self):
        shutil.copy(self.variables, self.path("variables.fd"))
        return ["-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + self.code,
                "-drive", "if=pflash,unit=1,format=raw,file=" + self.path("variables.fd")]

    def application(self):
        return os.path.join(BUILD, "millrace.efi")

    def disk(self):
        self.write("esp/EFI/BOOT/BOOTX64.EFI", b"")
        shutil.copy(self.application(), self.path("esp/EFI/BOOT/BOOTX64.EFI"))
        if self.machine.config is not None:
            self.write("esp/EFI/BOOT/millrace.conf", self.machine.config)
        return ["-drive", "if=none,id=medium,format=raw,readonly=on,file=fat:" + self.path("esp"),
                "-device", "virtio-blk-pci,drive=medium,bootindex=0"]

    def options(self):
        assert not self.machine.append, "a disk has no load options"
        return self.firmware() + self.disk()


class UefiKernel(Uefi):
    """QEMU hands the application to OVMF, with load options but without a volume."""

    def options(self):
        assert self.machine.config is None, "there is nothing beside it"
        options = ["-kernel", self.application()]
        if self.machine.append:
            options += ["-append", self.machine.append]
        return self.firmware() + options


class UefiIso(Uefi):
    """OVMF starts GRUB from the CD."""
    protocol = "Multiboot2"
    medium = Iso.medium

    def options(self):
        return self.firmware() + Iso.options(self)

    iso = Iso.iso


class UefiUsb(UefiIso):
    """OVMF starts GRUB from the stick."""
    medium = Usb.medium


class Pxe(Boot):
    """GRUB by the card's PXE ROM."""
    protocol = "Multiboot2"
    network = True
    boot_file = "boot/grub/i386-pc/core.0"
    memory = 64

    def device(self, number, device):
        return device + (",bootindex=0" if number == 0 else ",romfile=")

    def server(self):
        """The server's part of the hub."""
        return ["-netdev", "user,id=server,restrict=on,ipv6=off,tftp=%s,bootfile=%s"
                % (self.path("tftp"), self.boot_file)]

    def netdev(self, number, netdev):
        if number:
            return Boot.netdev(self, number, netdev)
        return ["-netdev", "%s,id=wire0" % netdev, *self.server(),
                "-netdev", "hubport,hubid=0,id=net0",
                "-netdev", "hubport,hubid=0,id=tap0,netdev=wire0",
                "-netdev", "hubport,hubid=0,id=tap1,netdev=server"]

    def options(self):
        subprocess.run([os.path.join(ROOT, "tools", "make-pxe"), self.machine.image,
                        os.path.join(BUILD, "millrace.efi"), self.path("tftp"), self.machine.append], check=True)
        if isinstance(self.machine.config, dict):       # several files
            for name, text in self.machine.config.items():
                self.write("tftp/" + name, text)
        elif self.machine.config is not None:
            self.write("tftp/millrace.conf", self.machine.config)
        return []


class Ipxe(Pxe):
    """iPXE, which QEMU's cards carry, by its script."""
    protocol = "Multiboot1"
    boot_file = "millrace.ipxe"


class UefiPxe(Pxe):
    """OVMF loads the application over TFTP."""
    protocol = "UEFI"
    uefi = True
    memory = 128
    boot_file = "millrace.efi"
    code, variables, firmware = Uefi.code, Uefi.variables, Uefi.firmware

    def device(self, number, device):
        if number:
            return device + ",romfile="
        # OVMF has a driver for virtio; for the others the card brings iPXE's.
        return device + (",bootindex=0,romfile=" if device.startswith("virtio") else ",bootindex=0")

    def options(self):
        assert not self.machine.append, "PXE has no load options"
        return self.firmware() + Pxe.options(self)


KINDS = {"pvh": Boot, "iso": Iso, "usb": Usb, "efi": Uefi, "efi-kernel": UefiKernel, "efi-iso": UefiIso,
         "efi-usb": UefiUsb, "pxe": Pxe, "efi-pxe": UefiPxe, "ipxe": Ipxe}
