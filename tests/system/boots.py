"""The ways to boot: what each puts into the machine besides its ports.

A network boot goes through port 0: that wire ends in a hub then, together with QEMU's own DHCP and TFTP
server (10.0.2.2), so that tests can send frames to the port while it boots.
"""
import os
import shutil
import socket
import subprocess
import threading

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

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

    def write_configuration(self, folder):
        config = self.machine.config
        if isinstance(config, str):
            config = {"millrace.conf": config}
        for name, text in (config or {}).items():
            self.write(os.path.join(folder, name), text)

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
        self.write_configuration("esp/EFI/BOOT")
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
        self.write_configuration("tftp")
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
        # OVMF since 2024.05 has no network without a source of random numbers.
        return self.firmware() + ["-device", "virtio-rng-pci"] + Pxe.options(self)


class UefiHttp(UefiPxe):
    """OVMF loads the application over HTTP.  A DHCP server has to offer that (UEFI 2.10 24.7.3), which
    QEMU's does not: ours is one more member of the hub."""
    server_mac, server_ip, client_ip, http_ip = "02:00:00:00:0d:01", "10.0.2.200", "10.0.2.77", "10.0.2.100"

    def firmware(self):
        # IPv4 PXE first would wait a minute for a server.
        no_pxe = []
        for version in "46":
            no_pxe += ["-fw_cfg", "name=opt/org.tianocore/IPv%sPXESupport,string=n" % version]
        return UefiPxe.firmware(self) + no_pxe

    def server(self):
        script = os.path.join(ROOT, "tests", "system", "http_server.py")
        return ["-netdev", "user,id=server,restrict=on,ipv6=off,guestfwd=tcp:%s:80-cmd:/usr/bin/python3 %s %s"
                % (self.http_ip, script, self.path("tftp")),
                "-netdev", "dgram,id=dhcp,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s"
                % (self.path("dhcp.hub"), self.path("dhcp.wire")),
                "-netdev", "hubport,hubid=0,id=tap2,netdev=dhcp"]

    def start(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path("dhcp.wire"))
        threading.Thread(target=self._serve, args=(self.socket,), daemon=True).start()

    def stop(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _serve(self, sock):
        while True:
            try:
                frame = sock.recv(65536)
            except OSError:
                return
            if not frame:
                return
            # UDP to port 67, and nothing dearer for all the rest of the traffic.
            if len(frame) > 282 and frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x00\x43":
                sock.sendto(bytes(self._reply(Ether(frame))), self.path("dhcp.hub"))

    def _reply(self, request):
        asked = dict(o[:2] for o in request[DHCP].options if isinstance(o, tuple))["message-type"]
        options = [("message-type", 2 if asked == 1 else 5), ("server_id", self.server_ip),
                   ("lease_time", 3600), ("subnet_mask", "255.255.255.0"), ("vendor_class_id", b"HTTPClient"),
                   ("boot-file-name", b"http://%s/files/millrace.efi" % self.http_ip.encode()), "end"]
        return (Ether(src=self.server_mac, dst=request.src) / IP(src=self.server_ip, dst="255.255.255.255")
                / UDP(sport=67, dport=68)
                / BOOTP(op=2, xid=request[BOOTP].xid, flags=request[BOOTP].flags, yiaddr=self.client_ip,
                        chaddr=request[BOOTP].chaddr) / DHCP(options=options))

    def options(self):
        options = UefiPxe.options(self)
        # Beside the application means in its folder.
        os.rename(self.path("tftp"), self.path("files"))
        os.mkdir(self.path("tftp"))
        os.rename(self.path("files"), self.path("tftp/files"))
        return options

    def requests(self):
        with open(self.path("tftp.log"), encoding="utf-8") as f:
            return f.read().splitlines()


KINDS = {"pvh": Boot, "iso": Iso, "usb": Usb, "efi": Uefi, "efi-kernel": UefiKernel, "efi-iso": UefiIso,
         "efi-usb": UefiUsb, "pxe": Pxe, "efi-pxe": UefiPxe, "efi-http": UefiHttp, "ipxe": Ipxe}
