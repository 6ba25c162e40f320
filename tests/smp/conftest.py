"""The harness is that of the system tests."""
import logging
import os
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
