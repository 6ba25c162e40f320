"""The doors by which a configuration comes in besides a boot module that is one: a cpio archive and QEMU's fw_cfg."""
import pytest

from qemu import Appliance, READY


def entry(name, data=b"", mode=0o100644):
    """Linux's Documentation/driver-api/early-userspace/buffer-format.rst."""
    name = name.encode() + b"\0"
    fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = ("070701" + "".join("%08x" % field for field in fields)).encode() + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


END = entry("TRAILER!!!")


def archive(**files):
    folder = entry(".", mode=0o40755)
    return folder + b"".join(entry("./" + name.replace("_", "."), data) for name, data in files.items()) + END


@pytest.mark.parametrize("boot", ["pvh", "iso", "efi"])
def test_a_module_may_be_a_folder_of_files(boot):
    files = archive(millrace_conf=b"forward io\n", trace_pcap=bytes(100000), empty=b"")
    with Appliance(config=files if boot != "efi" else {"millrace.conf": files}, boot=boot) as appliance:
        assert READY.search(appliance.transcript).group(2) == "io"
        assert appliance.command("show files").split() == ["11", "millrace.conf", "100000", "trace.pcap", "0", "empty"]


def test_a_folder_need_not_have_a_configuration():
    with Appliance(nics=(), config=archive(other=b"forward io\n")) as appliance:
        assert READY.search(appliance.transcript).group(3) == "stopped"
        assert appliance.command("show files").split() == ["11", "other"]


def test_errors_in_a_folder_say_where():
    with Appliance(nics=(), config=archive(millrace_conf=b"forward io\nbogus\n")) as appliance:
        assert "error: millrace.conf line 2: unknown command 'bogus'" in appliance.transcript
        assert "\nmillrace.conf: 1 error\n" in appliance.transcript


@pytest.mark.parametrize("bad,why", [
    (archive(millrace_conf=b"forward io\n")[:-8], "archive, entry 3: cut off within its name"),
    (b"070707" + bytes(200), "archive, entry 1: no header of a newc archive, expected 070701"),
], ids=["cut", "old"])
def test_a_bad_archive_is_one_error_and_nothing_runs(bad, why):
    with Appliance(nics=(), config=bad, append="-- forward l3") as appliance:
        assert "error: configuration: %s\nconfiguration: 1 error\n" % why in appliance.transcript
        assert READY.search(appliance.transcript).group(2) == "l3"
        assert "none: " in appliance.command("show files")
