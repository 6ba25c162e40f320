"""Every rule of tests/system/test_l3v6.py again, on four workers."""
import pytest

from qemu import Appliance, check_law
from test_l3v6 import *     # noqa: F401,F403
from test_l3v6 import CONFIG


@pytest.fixture(scope="module")
def router():
    with Appliance(config=CONFIG, extra=["-smp", "4"]) as appliance:
        while "tentative" in appliance.must("show interfaces"):
            pass
        yield appliance
        check_law(appliance.stats())
