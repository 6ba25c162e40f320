"""Hand-over safety: a card that the machine was booted through, with traffic arriving all the time,
writes nowhere from the moment when memory is given out."""
import threading
import time

import pytest

from debugger import Debugger
from qemu import FRAME_LIMIT, READY, Appliance, check_law, port_mac

MIB = 1 << 20
MARK = bytes.fromhex("f00dfeedc0ffee11")        # in every frame


def frame(number):
    to = (bytes.fromhex(port_mac(0).replace(":", "")), b"\xff" * 6)[number % 2]
    return to + bytes.fromhex("020000000a02" "88b5") + number.to_bytes(8, "big") + MARK * (8 + number % 170)


class Traffic:
    """Frames to port 0, to its address and to all, until told to stop."""

    def __init__(self, wire, per_second):
        self.wire, self.per_second, self.sent, self.going = wire, per_second, 0, True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.going:
            try:
                self.wire.send(frame(self.sent))
                self.sent += 1
            except (OSError, AttributeError):
                pass            # no machine yet, or none any more
            time.sleep(1 / self.per_second)

    def stop(self):
        self.going = False
        self.thread.join()


def written_while_spinning(machine, debugger, at):
    """How many pages a device wrote while 200 more frames arrived."""
    was = debugger.spin(at)
    debugger.pause()
    before = debugger.memory(machine.memory * MIB)
    debugger.run()
    for number in range(200):
        machine.wires[0].send(frame(number))
    machine.wires[0].taken()
    debugger.pause()            # answered between two turns of QEMU's loop: the card has been offered them all
    after = debugger.memory(machine.memory * MIB)
    debugger.restore(at, was)
    return [page for page in range(0, len(before), 4096) if before[page:page + 4096] != after[page:page + 4096]]


@pytest.mark.parametrize("boot,nic", [("pxe", "e1000"), ("ipxe", "virtio"), ("efi-pxe", "virtio")])
def test_the_card_that_booted_us_writes_nothing(boot, nic, tmp_path):
    debugger = Debugger(tmp_path)
    machine = Appliance(nics=[nic, "virtio"], config="forward l2\n", boot=boot, extra=debugger.options,
                        wait_ready=False)
    with machine:
        debugger.connect(machine)
        traffic = Traffic(machine.wires[0], 200)
        at = debugger.run_to("memory_init")
        traffic.stop()
        assert traffic.sent > 100
        written = written_while_spinning(machine, debugger, at)
        assert not written, "pages written: %s" % ["%x" % page for page in written[:20]]

        # The same look sees the driver's own reception, once it is up (QEMU's e1000 takes a second).
        at = debugger.run_to("work_start")
        end = time.monotonic() + FRAME_LIMIT
        while not written_while_spinning(machine, debugger, at):
            assert time.monotonic() < end, "not even the driver's ring is seen"
        debugger.run()
        machine.ready()
        assert READY.search(machine.transcript).group(1, 2) == ("2", "l2")
        sent = frame(1 << 40)                           # unlike those that were on the way
        machine.wires[0].send(sent)
        machine.wires[1].expect(lambda f: f == sent)
        check_law(machine.stats())
