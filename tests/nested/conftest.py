"""One Linux for every case: its 82576 has three VFs, two of them for guests."""
import logging

import pytest

logging.getLogger("scapy").setLevel(logging.ERROR)

import guest  # noqa: E402

VFS = 3


@pytest.fixture(scope="session")
def linux():
    with guest.Linux() as machine:
        machine.pf = machine.netdev()
        machine.ip("link set %s up" % machine.pf)
        machine.until(guest.is_up(machine.pf))
        machine.run("cd /sys/bus/pci/devices/%s; echo 0 >sriov_drivers_autoprobe; echo %d >sriov_numvfs"
                    % (guest.PF, VFS))
        for number in (0, 1):
            machine.give(number)
        yield machine


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What Linux said and was told goes to the report of a case that failed."""
    report = (yield).get_result()
    machine = item.funcargs.get("linux") if hasattr(item, "funcargs") else None
    if report.failed and machine:
        report.sections.append(("Linux and its steps", machine.story()))
