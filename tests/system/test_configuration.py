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


FW_CFG = "name=opt/millrace/conf,file="


@pytest.mark.parametrize("machine", ["q35", "pc", "microvm,pcie=on,pit=on,pic=on,rtc=on"])
def test_fw_cfg_brings_a_configuration(machine, tmp_path):
    (tmp_path / "conf").write_text("forward io\nbogus\n")
    with Appliance(machine=machine, extra=["-fw_cfg", FW_CFG + str(tmp_path / "conf")]) as appliance:
        assert READY.search(appliance.transcript).group(2) == "io"
        assert "error: fw_cfg line 2: unknown command 'bogus'" in appliance.transcript
        assert "\nfw_cfg: 1 error\n" in appliance.transcript


def test_fw_cfg_comes_after_the_module_and_before_the_command_line(tmp_path):
    (tmp_path / "conf").write_text("port 0 address 192.0.2.2/24\nport 1 mtu 1400\n")
    with Appliance(config="port 0 address 192.0.2.1/24\nport 1 mtu 1300\n", append="-- port 1 mtu 1200",
                   extra=["-fw_cfg", FW_CFG + str(tmp_path / "conf")]) as appliance:
        config = appliance.must("show config")
        assert config.index("port 0 address 192.0.2.1/24") < config.index("port 0 address 192.0.2.2/24")
        assert "port 1 mtu 1200" in config


def test_a_fw_cfg_file_that_is_too_long_is_one_error(tmp_path):
    (tmp_path / "conf").write_text("#" * (1 << 20) + "\n")
    with Appliance(nics=(), extra=["-fw_cfg", FW_CFG + str(tmp_path / "conf")]) as appliance:
        assert "error: fw_cfg: the file is too long, expected at most 1 MiB\nfw_cfg: 1 error\n" in appliance.transcript


def test_a_longest_fw_cfg_file_runs_whole(tmp_path):
    (tmp_path / "conf").write_text(("# %s\n" % ("x" * 100)) * 10000 + "forward io\n")
    with Appliance(extra=["-fw_cfg", FW_CFG + str(tmp_path / "conf")]) as appliance:
        assert READY.search(appliance.transcript).group(2) == "io"


def test_without_a_hypervisor_the_ports_are_left_alone(tmp_path):
    """On a real machine something else may be there."""
    (tmp_path / "conf").write_text("forward io\n")
    with Appliance(nics=(), extra=["-cpu", "qemu64,-hypervisor",
                                   "-fw_cfg", FW_CFG + str(tmp_path / "conf")]) as appliance:
        assert READY.search(appliance.transcript).group(3) == "stopped"
