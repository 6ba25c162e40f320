"""The real image in the QEMU that speaks vfio-user, with functions of models for its NICs."""
import modelled
import qemu

MEMORY = 256


class Slot(qemu.Wire):
    """A root port of the image's machine, and the function of a model behind it."""

    def __init__(self, folder, number, served=None):
        super().__init__(folder, number)
        self.served = served

    def options(self, device, boot):
        bus = "rp%d" % self.number
        return ["-device", "pcie-root-port,id=%s,chassis=%d,slot=%d" % (bus, self.number + 1, self.number + 1),
                "-device", self.served.device(bus)]

    def plug(self):
        """What is served has no cable of its own."""


class Port(Slot, modelled.Cable):
    """A model of its own, and the far end of its wire."""

    def __init__(self, folder, number, options, vfs=0, program="ixgbe_server"):
        super().__init__(folder, number)
        self.folder, self.model_options, self.vfs, self.program = folder, options, vfs, program

    def plug(self):
        self.served = modelled.Server(self.folder, "model%d" % self.number, "pf", "listen:" + self.remote,
                                      (*self.model_options, "-m", str(self.number + 1)), self.vfs,
                                      program=self.program)
        self.connect()

    def unplug(self):
        super().unplug()
        if self.served:
            self.served.kill()
            self.served = None


class Image(qemu.Appliance):
    """The image with so many slots, or with these functions in them."""

    def __init__(self, slots, before=(), **more):
        served = [None] * slots if isinstance(slots, int) else slots
        share = ["-object", "memory-backend-memfd,id=m,size=%dM,share=on" % MEMORY, "-machine", "memory-backend=m",
                 "-cpu", "max"]
        super().__init__(nics=["model"] * len(served), memory=MEMORY, before=[*share, *before], **more)
        self.wires = [Slot(self.folder, number, each) for number, each in enumerate(served)]

    def _command_line(self):
        return [modelled.NEWER_QEMU, *super()._command_line()[1:]]
