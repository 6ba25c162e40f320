"""Every way to boot, with both kinds of NIC: it gets to `ready:`, through the protocol that is
meant, and forwards.  Over a network it then drives the very card that it came through."""
import os

import pytest

import boots
from qemu import READY, Appliance, check_law, port_mac

# machine: what to ask QEMU for.
MICROVM = "microvm,pcie=on,pit=on,pic=on,rtc=on"
WAYS = {
    "pvh-q35": ("pvh", "q35"),
    "pvh-pc": ("pvh", "pc"),
    "pvh-microvm": ("pvh", MICROVM),
    "iso-bios": ("iso", "q35"),
    "usb-bios": ("usb", "q35"),
    "iso-uefi": ("efi-iso", "q35"),
    "usb-uefi": ("efi-usb", "q35"),
    "uefi-disk": ("efi", "q35"),
    "pxe-bios": ("pxe", "q35"),
    "pxe-uefi": ("efi-pxe", "q35"),
    "http-uefi": ("efi-http", "q35"),
    "ipxe": ("ipxe", "pc"),
}


# This machine's own file goes before everybody's; the card is the one that it boots through.
OWN = "millrace-%s.conf" % port_mac(0).replace(":", "-")
BY_ADDRESS = {OWN: "forward l2\n", "millrace.conf": "forward io\n"}
FOR_ALL = {OWN.replace("01.conf", "99.conf"): "forward io\n", "millrace.conf": "forward l2\n"}


@pytest.mark.parametrize("nic", ["virtio", "e1000"])
@pytest.mark.parametrize("way", WAYS)
def test_boots_and_forwards(way, nic):
    boot, machine = WAYS[way]
    config = "forward l2\n"
    if boots.KINDS[boot].network:
        config = BY_ADDRESS if nic == "virtio" else FOR_ALL
    with Appliance(nics=[nic] * 2, config=config, boot=boot, machine=machine, plugged=False) as appliance:
        assert "), %s, on " % boots.KINDS[boot].protocol in appliance.transcript
        assert READY.search(appliance.transcript).group(1, 2) == ("2", "l2")
        status, result = appliance.traffic("blast", "--frames", "500", "--sizes", "60,590,1514")
        assert status == 0, result
        stats = appliance.stats()
        check_law(stats)
        assert [p["driver"] for p in stats["ports"]] == [nic] * 2
        print("QEMU start to ready: %.1f s" % appliance.ready_after)


class LatePxe(boots.Pxe):
    """The server has no image at first."""

    def options(self):
        options = boots.Pxe.options(self)
        os.rename(self.path("tftp/millrace.elf"), self.path("late.elf"))
        return options

    def arrive(self):
        os.rename(self.path("late.elf"), self.path("tftp/millrace.elf"))


def test_grub_asks_again_for_an_image_that_did_not_come(monkeypatch):
    """A server that is late, or does not answer in time: nobody has to come and press a key."""
    monkeypatch.setitem(boots.KINDS, "late-pxe", LatePxe)
    with Appliance(boot="late-pxe", config="forward l2\n", wait_ready=False) as appliance:
        appliance.read_until("^error: ")
        appliance.boot.arrive()
        assert appliance.ready().group(2) == "l2"
