"""Every way to boot, with both kinds of NIC: it gets to `ready:`, through the protocol that is
meant, and forwards.  Over a network it then drives the very card that it came through."""
import pytest

import boots
from qemu import READY, Appliance, check_conservation

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
    "ipxe": ("ipxe", "pc"),
}


@pytest.mark.parametrize("nic", ["virtio", "e1000"])
@pytest.mark.parametrize("way", WAYS)
def test_boots_and_forwards(way, nic):
    boot, machine = WAYS[way]
    with Appliance(nics=[nic] * 2, config="forward l2\n", boot=boot, machine=machine,
                   plugged=False) as appliance:
        assert "), %s, on " % boots.KINDS[boot].protocol in appliance.transcript
        assert READY.search(appliance.transcript).group(1, 2) == ("2", "l2")
        status, result = appliance.traffic("blast", "--frames", "500", "--sizes", "60,590,1514")
        assert status == 0, result
        stats = appliance.stats()
        check_conservation(stats)
        assert [p["driver"] for p in stats["ports"]] == [nic] * 2
        print("QEMU start to ready: %.1f s" % appliance.ready_after)
