"""One Linux for every case: its first NIC is the model's PF, under ixgbe, in the guest's own network
namespace; its second one, at the other end of the cable, the model's VF, under ixgbevf, in `far`.  A
second cable joins an X540, in the guest's namespace, with an 82599 that has a backplane, in `far`."""
import pytest

import modelled

pytest.register_assert_rewrite("host", "master", "pmd_cases")   # a check that fails there says what it saw

PF, VF, X540, KX4 = range(4)
PF_ADDRESS, VF_ADDRESS = "192.0.2.1", "192.0.2.2"


def pytest_collection_modifyitems(items):
    """Where a system has no newer QEMU, no such kernel or no ethtool, it is said, and all are skipped."""
    missing = modelled.missing()
    for item in items if missing else ():
        item.add_marker(pytest.mark.skip(reason="%s is not there: tools/setup --models" % missing))


@pytest.fixture(scope="session")
def linux():
    with modelled.Linux([("pf", ["-m", "1"]), ("vf", ["-m", "2"]), ("pf", ["-c", "x540", "-m", "3"]),
                         ("pf", ["-c", "kx4", "-m", "4"])]) as machine:
        machine.part(PF_ADDRESS, VF_ADDRESS)
        assert machine.violations() == [0] * 4, machine.story()
        machine.make_bulk()
        yield machine


@pytest.fixture(autouse=True)
def strict(linux):
    """Whatever a case did: neither driver has done what its document forbids."""
    before = linux.violations()
    yield
    assert linux.violations() == before, "\n".join(server.story() for server in linux.servers)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What Linux and the models said goes to the report of a case that failed."""
    report = (yield).get_result()
    machine = item.funcargs.get("linux") if hasattr(item, "funcargs") else None
    if report.failed and machine and machine.servers:
        report.sections.append(("Linux, its steps and the models", machine.story()))
