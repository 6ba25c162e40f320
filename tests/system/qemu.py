import os
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TRAFFIC = os.path.join(ROOT, "build", "traffic")
